// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"

#include <chrono>
#include <optional>

namespace cistern::compare {

/// How long a comparison of workloads may take and how that is shared out.
///
/// A cell costs its process, its warm-up, the throughput pass of one budget and the latency pass of half of one; the
/// workloads about memory run a fixed amount of work. So the budget follows from the number of cells and the time.
/// After each round the plan is held against the clock: on a slower machine the next rounds get smaller budgets, and
/// when even the smallest does not fit, fewer rounds are run.
class round_plan {
 public:
  struct settings {
    int rounds = 3;
    std::optional<std::chrono::seconds> total = {};        ///< none: take the time that it takes
    std::optional<std::chrono::milliseconds> budget = {};  ///< given: nothing is adapted
    std::chrono::milliseconds usual_budget{200};           ///< where there is no total
  };

  round_plan(const settings& how, const std::vector<cell>& cells);

  /// Of each cell in the next round.
  std::chrono::milliseconds budget() const noexcept { return budget_; }

  /// What one cell is expected to take, before it has been run.
  double expected_seconds(const cell& cell) const;

  /// Tells how long the last round took and how much time has gone in all; adapts the budget. False when no further
  /// round fits.
  bool next_round(double round_seconds, double elapsed_seconds, int rounds_left);

 private:
  void fit(double seconds, double fixed_seconds);

  settings settings_;
  std::size_t timed_cells_ = 0;  ///< whose time follows the budget
  std::chrono::milliseconds budget_{};
};

/// The order of a round, as indices of cells: workload by workload, so that contenders of one workload meet the same
/// machine, and shuffled within a workload, so that none is always first. The same for the same round number.
std::vector<std::size_t> round_order(const std::vector<cell>& cells, int round);

}  // namespace cistern::compare
