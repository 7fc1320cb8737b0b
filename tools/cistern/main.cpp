// SPDX-License-Identifier: MIT
//
// The command `cistern`. Exit status: 0; 1 when something that was measured failed; 2 for bad input, with one line on
// standard error; 130 when the user stopped it.
#include "arguments.hpp"
#include "bad_input.hpp"
#include "binding.hpp"
#include "cell_process.hpp"
#include "compare.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

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

// A standard stream that was closed by the caller would otherwise be the next file that we open: what is printed would
// land in the result document.
void fill_standard_streams() {
  int file = 0;
  while (file >= 0 && file <= STDERR_FILENO) file = open("/dev/null", O_RDWR);
  if (file > STDERR_FILENO) close(file);
}

int run(int count, char** arguments) {
  const int status = std::visit(run_command{}, cistern::compare::parse_arguments(count, arguments));
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  fmt::print(stderr, "cistern: cannot write to the standard output\n");
  return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}

}  // namespace

int main(int count, char** arguments) try {
  fill_standard_streams();
  return run(count, arguments);
} catch (const cistern::compare::bad_input& error) {
  constexpr int bad_input_status = 2;
  fmt::print(stderr, "cistern: {}\n", error.what());
  return bad_input_status;
} catch (const std::exception& error) {
  fmt::print(stderr, "cistern: {}\n", error.what());
  return EXIT_FAILURE;
}
