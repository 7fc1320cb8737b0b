// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "options.hpp"

namespace cistern::compare {

/// Fills in the contenders, the workloads and the empty cells that the options ask for: skipped ones with the reason.
///
/// A workload that is not threaded runs with one thread only. Where no contender can take part with so many threads,
/// there is no cell. Throws bad_input for an unknown name and when no cell is left.
void select_cells(const compare_options& options, comparison& into);

/// The numbers of threads to measure when the user names none: 1 and all processors; with --full also the powers of
/// two between, and twice the processors.
std::vector<int> usual_threads(int processors, bool full);

/// Processors that this process may run on.
int usable_processors();

}  // namespace cistern::compare
