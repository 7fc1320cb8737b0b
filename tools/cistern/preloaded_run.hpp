// SPDX-License-Identifier: MIT
#pragma once

#include "child_process.hpp"
#include "comparison.hpp"
#include "preload.hpp"
#include "probe_record.hpp"
#include "program_file.hpp"
#include "scratch_folder.hpp"

#include <optional>

namespace cistern::compare {

/// Runs a program once with an allocator preloaded.
///
/// LD_PRELOAD is the probe, the allocator, and what the user had there. Standard output is thrown away. The probe is
/// preloaded for every contender alike, the C library's own malloc included, so that its cost is the same for all.
class preloaded_run {
 public:
  struct outcome {
    child_outcome child;
    program_round round;
    compare::binding binding;
  };

  /// Throws bad_input when the probe is not beside this program.
  explicit preloaded_run(std::string stdin_file);

  outcome run(const program_file& program, const std::vector<std::string>& command, const preload_contender& contender,
              std::optional<std::chrono::milliseconds> time_limit, const interruption& stop) const;

 private:
  scratch_folder scratch_;
  std::string stdin_file_, probe_, record_;
};

/// The probe's path: beside this program, or in the folder where the install puts it. Empty when it is in neither.
std::string find_probe();

}  // namespace cistern::compare
