// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/workloads.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace cistern::compare {

/// What a comparison has found, as plain values: filled by the runs, read by the tables, the verdicts and the document.

enum class status { ok, skipped, failed };

/// One workload on one contender with so many threads, measured once per round. While no round has been measured a
/// cell is `ok` with no rounds: that is what an interruption leaves.
struct cell {
  std::string workload;
  std::string contender;
  int threads = 1;
  compare::status status = compare::status::ok;
  std::string reason;  ///< of skipped and failed ones
  std::vector<perf::cell_result> rounds;

  bool measured() const noexcept { return status == compare::status::ok && !rounds.empty(); }
};

/// One run of a program. Bytes and seconds; children that the program waited for are counted in, but the peak is that
/// of the largest process. A peak of 0 means that it is not known.
struct program_round {
  double wall_seconds = 0;
  double user_seconds = 0;
  double system_seconds = 0;
  std::uint64_t rss_peak = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
};

/// One program on one preloaded allocator.
struct program_contender {
  std::string name;
  compare::status status = compare::status::ok;
  std::string reason;        ///< why it failed, or why it was not as intended
  std::string bound;         ///< the file that the program's malloc was really in
  bool as_intended = false;  ///< the allocator under this name served malloc in every process of the program
  std::vector<program_round> rounds;

  bool measured() const noexcept { return status == compare::status::ok && !rounds.empty(); }
};

enum class program_status { ok, failed, is_static };

struct program_result {
  std::string name;
  std::vector<std::string> command;
  program_status status = program_status::ok;
  std::string reason;
  std::vector<program_contender> contenders;
};

struct comparison {
  std::string started;  ///< UTC, ISO 8601
  double elapsed_seconds = 0;
  std::string set;       ///< quick or full
  int rounds = 0;        ///< that were planned
  bool complete = true;  ///< false when the user stopped it
  std::string note;      ///< one sentence on what did not go to plan, or empty
  std::vector<perf::contender_info> contenders;
  std::vector<perf::workload_info> workloads;
  std::vector<cell> cells;
  std::vector<program_result> programs;
};

}  // namespace cistern::compare
