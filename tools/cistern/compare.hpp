// SPDX-License-Identifier: MIT
#pragma once

#include "options.hpp"

namespace cistern::compare {

/// `cistern compare` after its arguments have been read. Returns the exit status: 0; 1 when a cell or a program failed;
/// 130 when the user stopped it. Throws bad_input before anything is run.
int run_compare(const compare_options& options);

}  // namespace cistern::compare
