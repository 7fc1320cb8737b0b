// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "table.hpp"

#include <vector>

namespace cistern::compare {

/// The tables over workloads (rows) and contenders (columns), and the reasons of what they leave open. Tables without
/// a row are left out.
struct workload_tables {
  std::vector<table> tables;
  std::vector<std::string> notes;  ///< "[1] failed: ..." and "-  skipped: ..."
};

workload_tables make_workload_tables(const comparison& found);

/// One table for a program: contenders (rows) and what a run of it took (columns).
table make_program_table(const program_result& program);

}  // namespace cistern::compare
