// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>

namespace cistern::compare {

/// What the user asked for cannot be done: what() is one line that says what is wrong and what to write instead.
/// main() prints it and ends with status 2.
struct bad_input : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace cistern::compare
