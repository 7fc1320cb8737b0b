// SPDX-License-Identifier: MIT
#include "elf_file.hpp"

#include <cstring>
#include <fstream>

#include <elf.h>
#include <link.h>

namespace cistern::compare {
namespace {

template <class T>
bool read_at(std::ifstream& file, std::size_t at, T& into) {
  file.seekg(static_cast<std::streamoff>(at));
  return static_cast<bool>(file.read(reinterpret_cast<char*>(&into), sizeof into));
}

bool has_interpreter(std::ifstream& file, const ElfW(Ehdr) & head) {
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    ElfW(Phdr) segment{};
    if (!read_at(file, head.e_phoff + i * head.e_phentsize, segment)) return false;
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

std::string script_interpreter(std::ifstream& file) {
  std::string line;
  file.clear();
  file.seekg(2);
  std::getline(file, line);
  const std::size_t start = line.find_first_not_of(" \t");
  return start == std::string::npos ? "" : line.substr(start, line.find_first_of(" \t\r", start) - start);
}

ElfW(Ehdr) own_head() {
  ElfW(Ehdr) head{};
  std::ifstream self("/proc/self/exe", std::ios::binary);
  read_at(self, 0, head);
  return head;
}

}  // namespace

elf_file read_elf_file(const std::string& path) {
  static const ElfW(Ehdr) own = own_head();
  elf_file result;
  std::ifstream file(path, std::ios::binary);
  char magic[SELFMAG] = {};
  if (!read_at(file, 0, magic)) file.clear();
  if (magic[0] == '#' && magic[1] == '!') {
    result.script_interpreter = script_interpreter(file);
    return result;
  }
  ElfW(Ehdr) head{};
  result.elf = std::memcmp(magic, ELFMAG, SELFMAG) == 0 && read_at(file, 0, head);
  result.ours = result.elf && head.e_ident[EI_CLASS] == own.e_ident[EI_CLASS] && head.e_machine == own.e_machine;
  // The layout of another class differs; such a file keeps "interpreted", as nothing is known against it.
  result.interpreted = result.elf && (!result.ours || has_interpreter(file, head));
  return result;
}

}  // namespace cistern::compare
