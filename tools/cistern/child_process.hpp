// SPDX-License-Identifier: MIT
#pragma once

#include "interruption.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cistern::compare {

/// What to run. The environment is this process's, with `environment` applied: a value sets, an empty one removes.
struct child_request {
  std::string program;                 ///< a path; PATH is not searched
  std::vector<std::string> arguments;  ///< the first is the program's name
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
  std::string stdin_file = "/dev/null";
  bool keep_output = false;  ///< capture standard output; else it is thrown away
  std::optional<std::chrono::milliseconds> time_limit = {};
};

struct child_outcome {
  enum class ending { exited, signalled, timed_out, interrupted, not_started };
  ending how = ending::not_started;
  int code = 0;        ///< exit status, signal, or errno where it was not started
  int process = 0;     ///< its id, while it had one
  std::string output;  ///< what it wrote on standard output, where that was asked for
  std::string errors;  ///< the end of what it wrote on standard error
  double wall_seconds = 0;
  double user_seconds = 0;  ///< here and below with the children that it waited for
  double system_seconds = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  /// Peak RSS of the largest process, as the kernel counts it for the process that was forked. Linux keeps the peak
  /// over exec, so it is never below what this process had resident at the fork: an upper bound, and exact above that.
  std::uint64_t rss_peak_bound = 0;

  bool succeeded() const noexcept { return how == ending::exited && code == 0; }
};

/// Runs a program to its end and returns how it went; throws std::system_error only when this process lacks the means
/// (descriptors, memory for a fork).
///
/// The child is the leader of a process group of its own, so that Ctrl-C reaches it through us alone, and is killed
/// when we die. At its end, at the time limit and on an interruption the whole group is killed, and whatever else it
/// left behind (see descendants); when we are killed ourselves, the child alone.
child_outcome run_child(const child_request& request, const interruption& stop);

/// How it ended, in words: "exit status 3: <last line of its standard error>", "killed by signal 11 (...)".
std::string describe(const child_outcome& outcome);

}  // namespace cistern::compare
