// SPDX-License-Identifier: MIT
#include "cell_process.hpp"

#include "cell_json.hpp"
#include "child_process.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cistern::compare {
namespace {

constexpr const char* this_program = "/proc/self/exe";

child_request request_for(const cell& cell, const cell_limits& limits) {
  child_request request{
      .program = this_program,
      .arguments = {"cistern", "cell", "--workload", cell.workload, "--contender", cell.contender, "--threads",
                    std::to_string(cell.threads), "--budget-ms", std::to_string(limits.budget.count())},
      .environment = {{"LD_PRELOAD", std::nullopt}},
      .keep_output = true,
      .time_limit = limits.time_limit};
  if (limits.full) request.arguments.emplace_back("--full");
  if (std::string tunables = glibc_tunables(cell.contender); !tunables.empty())
    request.environment.emplace_back("GLIBC_TUNABLES", std::move(tunables));
  return request;
}

void fail(cell& cell, std::string reason) {
  cell.status = status::failed;
  cell.reason = std::move(reason);
}

}  // namespace

std::string glibc_tunables(std::string_view contender) {
  if (contender != "glibc-tuned") return {};
  const char* const users = std::getenv("GLIBC_TUNABLES");
  const std::string before = users != nullptr && *users != '\0' ? std::string(users) + ":" : "";
  return before + std::string(perf::glibc_tunables);
}

void run_round(cell& cell, const cell_limits& limits, const interruption& stop) {
  const child_outcome outcome = run_child(request_for(cell, limits), stop);
  if (outcome.how == child_outcome::ending::interrupted) return;
  if (!outcome.succeeded()) return fail(cell, describe(outcome));
  try {
    perf::cell_result result = cell_from_json(outcome.output);
    if (result.operations == 0 || !(result.seconds > 0)) return fail(cell, "it measured no operation");
    cell.rounds.push_back(std::move(result));
  } catch (const std::exception& error) {
    fail(cell, error.what());
  }
}

int serve_cell(const perf::cell_request& request) try {
  const std::string text = cell_to_json(perf::run_cell(request)).dump();
  if (std::puts(text.c_str()) < 0 || std::fflush(stdout) != 0) throw std::runtime_error("cannot write the result");
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  fmt::print(stderr, "cistern cell: {}\n", error.what());
  return EXIT_FAILURE;
}

}  // namespace cistern::compare
