// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "progress.hpp"

namespace cistern::compare {

/// Seconds that the workloads of the quick set may take; tools/compare has three minutes, programs included.
inline constexpr int quick_seconds = 112;

/// Measures the selected cells in interleaved rounds: round 1 of all, round 2 of all, and so on, so that what disturbs
/// the machine for some seconds disturbs one round of many cells and not every round of one. A cell that fails is not
/// run again. Returns early when `stop` is requested; what was measured stays.
void compare_workloads(const compare_options& options, comparison& found, const interruption& stop, progress& shown);

}  // namespace cistern::compare
