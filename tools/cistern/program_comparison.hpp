// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "preload.hpp"
#include "preloaded_run.hpp"
#include "progress.hpp"

namespace cistern::compare {

/// Compares the requested programs on the contenders, one program after the other, each in interleaved rounds.
///
/// A program is run once before, with the C library's malloc, and not measured: that warms the file cache, tells how
/// long a run takes, and shows a program that fails whatever its malloc. A contender on which it fails later is not run
/// again. Returns early when `stop` is requested.
class program_comparison {
 public:
  struct settings {
    std::vector<preload_contender> contenders;
    int rounds = 5;
    double most_seconds = 0;  ///< for each program, by running fewer rounds, at least three; 0 for no such limit
  };

  program_comparison(settings how, const preloaded_run& runner, const interruption& stop, progress& shown);

  /// Adds the result to `found`; `programs_left` are to follow this one.
  void compare(const program_request& request, comparison& found, std::size_t programs_left);

 private:
  bool warm_up(program_result& program);
  void run_rounds(program_result& program);
  void run_round(program_result& program, std::size_t index, int round);

  const settings settings_;
  const preloaded_run& runner_;
  const interruption& stop_;
  progress& shown_;
  // Of the program that is being compared:
  program_file file_;
  double run_seconds_ = 0;
  int rounds_ = 0;
  double done_seconds_ = 0;
  std::size_t runs_ = 0, programs_left_ = 0;
};

}  // namespace cistern::compare
