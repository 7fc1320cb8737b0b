// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"

#include <string>
#include <vector>

namespace cistern::compare {

/// An allocator that can be put in the place of a program's malloc from outside.
struct preload_contender {
  std::string name;
  std::string what;
  std::string library;   ///< to preload; empty for the C library's own
  std::string tunables;  ///< of the C library; empty for none

  perf::contender_info info() const;
};

/// The C library's malloc, plain and tuned, and every allocator whose shared library is installed: found by its name in
/// the folders of the dynamic linker's configuration and in the usual ones, never loaded into this process.
std::vector<preload_contender> preload_contenders();

/// The path of the first of `names` in `folders` that is a library for this machine, or empty.
std::string find_library(const std::vector<std::string>& names, const std::vector<std::string>& folders);

/// Where the dynamic linker looks, in its order: LD_LIBRARY_PATH, its configuration file with what that includes, the
/// folder of the C library, the defaults.
std::vector<std::string> library_folders();

}  // namespace cistern::compare
