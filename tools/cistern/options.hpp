// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cistern::compare {

/// A program to compare, as it was asked for.
struct program_request {
  std::string name;
  std::vector<std::string> command;
};

/// What the user asked `cistern compare` for. Numbers are in range already; names are as they were typed.
struct compare_options {
  bool full = false;
  bool list = false;
  bool no_color = false;
  bool programs_only = false;           ///< a program was given after --
  std::vector<std::string> workloads;   ///< names and families; empty: the quick set, or with --full all
  std::vector<std::string> contenders;  ///< empty: all
  std::vector<int> threads;             ///< empty: chosen from the machine
  std::optional<int> rounds;
  std::vector<program_request> programs;  ///< run after the workloads
  std::string stdin_file = "/dev/null";   ///< of the programs
  std::optional<std::string> json_file, html_file;
  // For tests and for tools/compare; not in the help.
  std::optional<std::chrono::milliseconds> budget;      ///< of each cell, instead of one that fits the time
  std::optional<std::chrono::milliseconds> time_limit;  ///< of each cell
};

}  // namespace cistern::compare
