// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace cistern::compare {

/// What the head of a file says about how it is loaded.
struct elf_file {
  bool elf = false;
  bool ours = false;               ///< of this process's class and machine
  bool interpreted = false;        ///< names a dynamic linker: without one nothing can be preloaded
  std::string script_interpreter;  ///< of a #! line, where the file is such a script
};

/// Reads it. A file that cannot be read is none of these.
elf_file read_elf_file(const std::string& path);

}  // namespace cistern::compare
