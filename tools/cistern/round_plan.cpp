// SPDX-License-Identifier: MIT
#include "round_plan.hpp"

#include <algorithm>
#include <random>

namespace cistern::compare {
namespace {

constexpr double process_seconds = 0.03;    // fork, exec, start of the libraries, filling the workload's slots
constexpr double passes = 1.6;              // warm-up, throughput and latency, in budgets
constexpr double fixed_work_seconds = 1.0;  // of the workload that fills and drains memory
constexpr std::chrono::milliseconds least_budget{5}, most_budget{500};

bool fixed_work(const cell& cell) { return cell.workload == "memory" || cell.workload.starts_with("memory/"); }

}  // namespace

round_plan::round_plan(const settings& how, const std::vector<cell>& cells) : settings_(how) {
  double fixed_seconds = 0;
  for (const cell& each : cells) {
    if (each.status == status::skipped) continue;
    fixed_seconds += process_seconds + (fixed_work(each) ? fixed_work_seconds : 0);
    if (!fixed_work(each)) ++timed_cells_;
  }
  budget_ = settings_.budget.value_or(settings_.usual_budget);
  if (!settings_.budget && settings_.total)
    fit(static_cast<double>(settings_.total->count()) / settings_.rounds, fixed_seconds);
}

// The budget with which a round of `fixed_seconds` and all the timed cells takes `seconds`.
void round_plan::fit(double seconds, double fixed_seconds) {
  const double share =
      (seconds - fixed_seconds) / (passes * static_cast<double>(std::max<std::size_t>(1, timed_cells_)));
  const std::chrono::milliseconds wanted(static_cast<std::int64_t>(std::clamp(share * 1000, 0.0, 1e6)));
  budget_ = std::clamp(wanted, least_budget, most_budget);
}

double round_plan::expected_seconds(const cell& cell) const {
  const double measuring =
      fixed_work(cell) ? fixed_work_seconds : passes * std::chrono::duration<double>(budget_).count();
  return process_seconds + measuring;
}

bool round_plan::next_round(double round_seconds, double elapsed_seconds, int rounds_left) {
  if (settings_.budget || !settings_.total || rounds_left <= 0) return rounds_left > 0;
  const double left = static_cast<double>(settings_.total->count()) - elapsed_seconds;
  const double each = left / rounds_left;
  if (round_seconds <= each) return true;
  const double by_budget = passes * std::chrono::duration<double>(budget_).count() * static_cast<double>(timed_cells_);
  const double fixed_seconds = std::max(0.0, round_seconds - by_budget);
  fit(each, fixed_seconds);
  const double next =
      fixed_seconds + passes * std::chrono::duration<double>(budget_).count() * static_cast<double>(timed_cells_);
  return next <= left;
}

std::vector<std::size_t> round_order(const std::vector<cell>& cells, int round) {
  constexpr unsigned seed = 20111;
  std::mt19937 random(seed + static_cast<unsigned>(round));
  std::vector<std::size_t> order(cells.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (auto first = order.begin(); first != order.end();) {
    const auto last =
        std::find_if(first, order.end(), [&](std::size_t i) { return cells[i].workload != cells[*first].workload; });
    std::shuffle(first, last, random);
    first = last;
  }
  return order;
}

}  // namespace cistern::compare
