// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"

#include <span>
#include <string>
#include <vector>

namespace cistern::compare {

/// Who is best at one thing, in words: among contenders of one workload, or of one program. There is no score over
/// several workloads: nobody runs their mean.
struct verdict {
  std::vector<std::string> best;  ///< the fastest and all that show no difference from it, the fastest first
  bool difference = false;        ///< somebody is slower than those
  std::string text;               ///< one line
};

struct candidate {
  std::string name;
  std::vector<double> times;  ///< one per round, of any unit; at least one
};

/// The rule: the leader has the lowest median. With it lead all that no_difference() (see summary.hpp) finds no
/// difference for; the others differ. When nobody differs the verdict is "no difference".
verdict judge(std::span<const candidate> candidates);

struct workload_verdict {
  std::string workload;
  int threads = 1;
  compare::verdict verdict;
};

/// One for each workload and number of threads that was measured, in the order of the cells. General allocators
/// (kind "allocator") are judged; the floor is named as a reference. Where fewer than two allocators were measured,
/// all contenders are judged. Where memory is the point, the text ends with it.
std::vector<workload_verdict> judge_workloads(const comparison& found);

/// By wall time, among the contenders that were bound as intended.
verdict judge_program(const program_result& program);

}  // namespace cistern::compare
