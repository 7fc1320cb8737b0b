// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace cistern::compare {

/// What a reader must know of the machine to judge the figures. A fact that cannot be read is empty or 0.
struct machine_facts {
  std::string cpu;
  int cores = 0;  ///< that this process may run on
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  std::string distribution;
  std::string transparent_huge_pages;  ///< always, madvise or never
  std::string compiler;                ///< that built cistern
  std::string malloc;                  ///< the file that this process's malloc is in
  double load_at_start = 0;            ///< mean number of runnable threads over the last minute
};

machine_facts read_machine_facts();

}  // namespace cistern::compare
