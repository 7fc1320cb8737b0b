// SPDX-License-Identifier: MIT
#include "program_comparison.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

constexpr int least_rounds = 3;

const preload_contender& plain() {
  static const preload_contender contender{"glibc", {}, {}, {}};
  return contender;
}

// A hang under one allocator must not be waited for.
std::chrono::milliseconds patience(double usual_seconds) {
  constexpr double factor = 20, least_seconds = 20;
  return std::chrono::milliseconds(static_cast<std::int64_t>((least_seconds + factor * usual_seconds) * 1000));
}

}  // namespace

program_comparison::program_comparison(settings how, const preloaded_run& runner, const interruption& stop,
                                       progress& shown)
    : settings_(std::move(how)), runner_(runner), stop_(stop), shown_(shown) {}

void program_comparison::compare(const program_request& request, comparison& found, std::size_t programs_left) {
  program_result program{.name = request.name, .command = request.command, .reason = {}, .contenders = {}};
  programs_left_ = programs_left;
  file_ = find_program(request.command.front());
  program.status = file_.status;
  program.reason = file_.reason;
  for (const preload_contender& contender : settings_.contenders)
    program.contenders.push_back({.name = contender.name, .reason = {}, .bound = {}, .rounds = {}});
  if (program.status == program_status::ok && warm_up(program)) run_rounds(program);
  found.programs.push_back(std::move(program));
}

bool program_comparison::warm_up(program_result& program) {
  shown_.show(fmt::format("{}, once to warm up", program.name), 0, settings_.contenders.size() * 5,
              static_cast<double>(settings_.contenders.size()) * static_cast<double>(programs_left_ + 1));
  const auto first = runner_.run(file_, program.command, plain(), {}, stop_);
  if (first.child.how == child_outcome::ending::interrupted) return false;
  if (!first.child.succeeded()) {
    program.status = program_status::failed;
    program.reason = "with the C library's own malloc: " + describe(first.child);
    return false;
  }
  run_seconds_ = first.child.wall_seconds;
  rounds_ = settings_.rounds;
  if (settings_.most_seconds > 0) {
    const double round = std::max(0.001, run_seconds_ * static_cast<double>(settings_.contenders.size()));
    rounds_ = std::clamp(static_cast<int>(std::min(1e6, settings_.most_seconds / round)),
                         std::min(least_rounds, rounds_), rounds_);
  }
  return true;
}

void program_comparison::run_rounds(program_result& program) {
  constexpr unsigned seed = 20112;
  std::mt19937 random(seed);
  std::vector<std::size_t> order(program.contenders.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  done_seconds_ = 0;
  runs_ = 0;
  for (int round = 0; round < rounds_; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t index : order) {
      if (stop_.requested()) return;
      if (program.contenders[index].status == status::ok) run_round(program, index, round);
    }
  }
}

void program_comparison::run_round(program_result& program, std::size_t index, int round) {
  program_contender& contender = program.contenders[index];
  const std::size_t all = static_cast<std::size_t>(rounds_) * program.contenders.size();
  const double mean = runs_ > 0 ? done_seconds_ / static_cast<double>(runs_) : run_seconds_;
  shown_.show(fmt::format("round {}, {} on {}", round + 1, program.name, contender.name), runs_, all,
              mean * static_cast<double>(all - runs_ + programs_left_ * all));
  const auto result = runner_.run(file_, program.command, settings_.contenders[index], patience(run_seconds_), stop_);
  if (result.child.how == child_outcome::ending::interrupted) return;
  ++runs_;
  done_seconds_ += result.child.wall_seconds;
  // Once bound otherwise, always suspect.
  if (contender.rounds.empty() || !result.binding.as_intended) {
    contender.bound = result.binding.bound;
    contender.as_intended = result.binding.as_intended;
    contender.reason = result.binding.reason;
  }
  if (result.child.succeeded()) {
    contender.rounds.push_back(result.round);
    return;
  }
  contender.status = status::failed;
  contender.reason = describe(result.child);
}

}  // namespace cistern::compare
