// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "machine_facts.hpp"
#include "table.hpp"

#include <string>

namespace cistern::compare {

/// What the terminal shows at the end of a comparison: the machine, a table for each kind of figure, the reasons of
/// what was skipped or failed, and the verdicts.
std::string write_screen(const comparison& found, const machine_facts& machine, const table_style& style);

/// What there is to choose from: workloads, contenders, and what can be preloaded.
std::string write_list(const table_style& style);

}  // namespace cistern::compare
