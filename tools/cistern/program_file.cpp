// SPDX-License-Identifier: MIT
#include "program_file.hpp"

#include "elf_file.hpp"

#include <cstdlib>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

bool is_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool is_privileged(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && (info.st_mode & (S_ISUID | S_ISGID)) != 0;
}

program_file unusable(std::string reason) {
  return {.path = {}, .status = program_status::failed, .reason = std::move(reason)};
}

program_file locate(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (!is_file(name)) return unusable(fmt::format("no program \"{}\"; check the path", name));
    if (access(name.c_str(), X_OK) != 0)
      return unusable(fmt::format("\"{0}\" is not executable; try: chmod +x {0}", name));
    return {.path = name, .reason = {}};
  }
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (is_file(candidate) && access(candidate.c_str(), X_OK) == 0) return {.path = candidate, .reason = {}};
  }
  return unusable(fmt::format("no program \"{}\" in PATH; install it or write its path", name));
}

}  // namespace

program_file find_program(const std::string& name) {
  program_file found = locate(name);
  if (found.path.empty()) return found;
  elf_file file = read_elf_file(found.path);
  std::string loaded = found.path;
  if (!file.script_interpreter.empty()) {
    loaded = file.script_interpreter;
    if (!is_file(loaded)) return unusable(fmt::format("{} wants {}, which is not there; install it", name, loaded));
    file = read_elf_file(loaded);
  }
  if (file.elf && !file.interpreted) {
    found.status = program_status::is_static;
    found.reason =
        fmt::format("{} is linked statically: nothing can be preloaded into it; link it dynamically", loaded);
  }
  found.privileged = is_privileged(loaded);
  return found;
}

}  // namespace cistern::compare
