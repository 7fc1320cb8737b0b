// SPDX-License-Identifier: MIT
#include "machine_facts.hpp"

#include "selection.hpp"
#include <cistern/allocators/malloc_binding.hpp>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include <sys/utsname.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

// What follows `key` and the separator on the first line of a file that begins with the key.
std::string value_in(const char* file, std::string_view key, char separator) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find(separator);
    if (!line.starts_with(key) || at == std::string::npos) continue;
    const std::size_t start = line.find_first_not_of(" \t\"", at + 1);
    const std::size_t end = line.find_last_not_of(" \t\"");
    return start == std::string::npos || end < start ? "" : line.substr(start, end - start + 1);
  }
  return {};
}

// The kernel writes all choices and puts the one in force in brackets.
std::string bracketed_word(const char* file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  const std::size_t open = line.find('['), close = line.find(']');
  return open == std::string::npos || close == std::string::npos ? "" : line.substr(open + 1, close - open - 1);
}

std::string compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "";
#endif
}

}  // namespace

machine_facts read_machine_facts() {
  machine_facts facts;
  utsname system{};
  uname(&system);
  facts.cpu = value_in("/proc/cpuinfo", "model name", ':');
  if (facts.cpu.empty()) facts.cpu = system.machine;
  facts.cores = usable_processors();
  facts.memory_bytes =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  facts.kernel = std::string(system.sysname) + " " + system.release;
  facts.distribution = value_in("/etc/os-release", "PRETTY_NAME", '=');
  facts.transparent_huge_pages = bracketed_word("/sys/kernel/mm/transparent_hugepage/enabled");
  facts.compiler = compiler_name();
  facts.malloc = malloc_binding().malloc_file;
  double load = 0;
  if (getloadavg(&load, 1) == 1) facts.load_at_start = load;
  return facts;
}

}  // namespace cistern::compare
