// SPDX-License-Identifier: MIT
//
// The command `cistern`. Exit status: 0; 1 when something that was measured failed; 2 for bad input, with one line on
// standard error; 130 when the user stopped it.
#include "arguments.hpp"
#include "bad_input.hpp"
#include "binding.hpp"
#include "cell_process.hpp"
#include "compare.hpp"

#include <cstdlib>
#include <exception>

#include <fmt/format.h>

namespace {

struct run_command {
  int operator()(const cistern::compare::print_text& text) const {
    fmt::print("{}", text.text);
    return EXIT_SUCCESS;
  }
  int operator()(cistern::compare::show_binding) const {
    fmt::print("{}\n", cistern::compare::describe_binding());
    return EXIT_SUCCESS;
  }
  int operator()(const cistern::compare::compare_options& options) const {
    return cistern::compare::run_compare(options);
  }
  int operator()(const cistern::perf::cell_request& request) const { return cistern::compare::serve_cell(request); }
};

}  // namespace

int main(int count, char** arguments) try {
  return std::visit(run_command{}, cistern::compare::parse_arguments(count, arguments));
} catch (const cistern::compare::bad_input& error) {
  constexpr int bad_input_status = 2;
  fmt::print(stderr, "cistern: {}\n", error.what());
  return bad_input_status;
} catch (const std::exception& error) {
  fmt::print(stderr, "cistern: {}\n", error.what());
  return EXIT_FAILURE;
}
