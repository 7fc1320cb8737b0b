// SPDX-License-Identifier: MIT
#include "preload.hpp"

#include "elf_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <dlfcn.h>
#include <glob.h>
#include <gnu/libc-version.h>

namespace cistern::compare {
namespace {

struct known_library {
  const char* name;
  const char* what;
  std::vector<std::string> files;
};

const std::vector<known_library>& known_libraries() {
  static const std::vector<known_library> known{
      {"jemalloc", "jemalloc, preloaded", {"libjemalloc.so.2", "libjemalloc.so"}},
      {"mimalloc",
       "mimalloc, preloaded",
       {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"}},
      {"tcmalloc", "tcmalloc of gperftools, preloaded", {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"}},
      {"tbb", "oneTBB's scalable allocator, preloaded", {"libtbbmalloc_proxy.so.2", "libtbbmalloc_proxy.so"}},
  };
  return known;
}

void read_configuration(const std::string& file, std::vector<std::string>& folders, int depth = 0) {
  constexpr int deepest = 8;
  std::ifstream lines(file);
  for (std::string line; depth < deepest && std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    if (!(words >> word)) continue;
    if (word != "include") {
      folders.push_back(word);
      continue;
    }
    while (words >> word) {
      const std::string pattern =
          word.starts_with('/') ? word : (std::filesystem::path(file).parent_path() / word).string();
      glob_t found{};
      if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i) read_configuration(found.gl_pathv[i], folders, depth + 1);
      globfree(&found);
    }
  }
}

std::string folder_of_libc() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&gnu_get_libc_version), &info) == 0 || info.dli_fname == nullptr) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

}  // namespace

perf::contender_info preload_contender::info() const {
  const std::string version =
      library.empty() ? gnu_get_libc_version() : std::filesystem::path(library).filename().string();
  return {.name = name, .kind = "allocator", .what = what, .version = version};
}

std::vector<std::string> library_folders() {
  std::vector<std::string> folders;
  if (const char* const path = std::getenv("LD_LIBRARY_PATH"); path != nullptr) {
    std::istringstream parts(path);
    for (std::string folder; std::getline(parts, folder, ':');)
      if (!folder.empty()) folders.push_back(folder);
  }
  read_configuration("/etc/ld.so.conf", folders);
  if (std::string libc = folder_of_libc(); !libc.empty()) folders.push_back(std::move(libc));
  for (const char* usual : {"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"}) folders.emplace_back(usual);
  return folders;
}

std::string find_library(const std::vector<std::string>& names, const std::vector<std::string>& folders) {
  for (const std::string& name : names) {
    for (const std::string& folder : folders) {
      std::error_code error;
      const std::filesystem::path found = std::filesystem::canonical(folder + "/" + name, error);
      if (!error && read_elf_file(found).ours) return found;
    }
  }
  return {};
}

std::vector<preload_contender> preload_contenders() {
  std::vector<preload_contender> present{{"glibc", "the C library's malloc as it is", {}, {}},
                                         {"glibc-tuned",
                                          "the C library's malloc with a larger thread cache and fewer trims",
                                          {},
                                          std::string(perf::glibc_tunables)}};
  const std::vector<std::string> folders = library_folders();
  for (const known_library& known : known_libraries())
    if (std::string file = find_library(known.files, folders); !file.empty())
      present.push_back({known.name, known.what, std::move(file), {}});
  return present;
}

}  // namespace cistern::compare
