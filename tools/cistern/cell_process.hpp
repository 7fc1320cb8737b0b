// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "interruption.hpp"

#include <chrono>

namespace cistern::compare {

struct cell_limits {
  std::chrono::milliseconds budget{50};     ///< of measuring; a workload of fixed work may take another time
  std::chrono::milliseconds time_limit{0};  ///< after which the process is killed and the cell has failed
  bool full = false;
};

/// Runs one round of a cell in a process of its own, by executing this program as `cistern cell ...`, and adds the
/// result to the cell, or marks it failed with the reason. An interruption leaves the cell as it was.
///
/// A process per cell, because an allocator is marked by what it served before: its caches, its fragmentation, its
/// threads. LD_PRELOAD is taken out of its environment: the contenders are linked, and glibc's malloc must be glibc's.
void run_round(cell& cell, const cell_limits& limits, const interruption& stop);

/// The other end: measures and prints the result on standard output. Returns the exit status; what went wrong is one
/// line on standard error.
int serve_cell(const perf::cell_request& request);

/// GLIBC_TUNABLES for this contender: perf::glibc_tunables after what the user has set. Empty for every other than
/// glibc-tuned. The thread cache holds 2000 blocks of a size instead of 7, and free memory at the end of the heap
/// stays.
std::string glibc_tunables(std::string_view contender);

}  // namespace cistern::compare
