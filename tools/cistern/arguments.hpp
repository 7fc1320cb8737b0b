// SPDX-License-Identifier: MIT
#pragma once

#include "options.hpp"
#include <workloads/workloads.hpp>

#include <variant>

namespace cistern::compare {

/// Text to print on standard output, for --help and --version.
struct print_text {
  std::string text;
};

/// `cistern binding`: where this process's malloc really is.
struct show_binding {};

using command = std::variant<print_text, show_binding, compare_options, perf::cell_request>;

/// What the command line asks for. Throws bad_input.
command parse_arguments(int count, const char* const* arguments);

}  // namespace cistern::compare
