// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"

#include <string>

namespace cistern::compare {

/// Where a program is and whether an allocator can be preloaded into it.
struct program_file {
  std::string path;  ///< empty when there is no such program
  program_status status = program_status::ok;
  std::string reason;       ///< why it cannot be compared, in words
  bool privileged = false;  ///< set-user-id or the like: the linker ignores LD_PRELOAD there
};

/// Looks for `name` as a shell would: as a path when it holds a slash, else along PATH.
program_file find_program(const std::string& name);

}  // namespace cistern::compare
