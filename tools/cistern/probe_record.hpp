// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cistern::compare {

/// What the malloc probe wrote about the processes of one run; its source says how.
struct probe_record {
  struct process {
    int id = 0;
    std::string malloc_file, operator_new_file, libc_file;
    std::string executable;
  };
  std::vector<process> starts;  ///< one for each program that a process became, in the order of their starts
  struct peak {
    int id = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<peak> peaks;  ///< of those whose end the probe saw

  /// The last start of the process that we forked, or nullptr: what it became in the end.
  const process* root(int id) const;

  bool saw_end_of(int id) const;

  /// The largest peak, if the process that we forked left one; else 0.
  std::uint64_t largest_peak(int root) const;
};

/// Reads the lines of a probe file. A line that is not understood is left out.
probe_record parse_probe_record(std::string_view text);

/// How malloc was bound in a run, judged from the probe's record.
struct binding {
  std::string bound;  ///< the file of malloc in the program itself; empty: not known
  bool as_intended = false;
  std::string reason;  ///< why not
};

/// `library` is the file that was preloaded, or empty when the C library's malloc was wanted. As intended is a run when
/// in each of its processes malloc is in that file, and operator new, where there is one, in that file or in a C++
/// library that calls malloc. An allocator that a program calls by other names is out of sight.
///
/// A program that has ended by itself and left no peak went on without the probe: how its malloc was bound is not
/// known.
binding judge_binding(const probe_record& record, int root, const std::string& library, bool ended_by_itself = true);

}  // namespace cistern::compare
