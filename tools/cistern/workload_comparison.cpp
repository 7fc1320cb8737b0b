// SPDX-License-Identifier: MIT
#include "workload_comparison.hpp"

#include "cell_process.hpp"
#include "round_plan.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point start) { return std::chrono::duration<double>(clock::now() - start).count(); }

round_plan::settings plan_settings(const compare_options& options, int rounds) {
  round_plan::settings settings{.rounds = rounds, .total = {}, .budget = options.budget};
  if (!options.full) settings.total = std::chrono::seconds(quick_seconds);
  return settings;
}

class workload_run {
 public:
  workload_run(const compare_options& options, comparison& found, const interruption& stop, progress& shown)
      : options_(options),
        found_(found),
        stop_(stop),
        shown_(shown),
        plan_(plan_settings(options, found.rounds), found.cells) {
    for (const cell& each : found.cells) expected_.push_back(expected_seconds(each));
    all_ = static_cast<std::size_t>(std::ranges::count(found.cells, status::ok, &cell::status) * found.rounds);
  }

  void run() {
    for (int round = 0; round < found_.rounds; ++round) {
      const clock::time_point round_started = clock::now();
      round_left_ = std::accumulate(expected_.begin(), expected_.end(), 0.0);
      for (const std::size_t index : round_order(found_.cells, round)) {
        if (stop_.requested()) return;
        if (found_.cells[index].status == status::ok) run_cell(index, round);
      }
      const int left = found_.rounds - round - 1;
      if (left > 0 && !plan_.next_round(seconds_since(round_started), seconds_since(started_), left)) {
        found_.note = fmt::format("{} of {} rounds: the machine is slower than the quick set allows for", round + 1,
                                  found_.rounds);
        return;
      }
    }
  }

 private:
  double expected_seconds(const cell& cell) const {
    return cell.status == status::ok ? plan_.expected_seconds(cell) : 0;
  }

  void run_cell(std::size_t index, int round) {
    cell& cell = found_.cells[index];
    shown_.show(fmt::format("round {}, {} on {}, {} thread{}", round + 1, cell.workload, cell.contender, cell.threads,
                            cell.threads == 1 ? "" : "s"),
                done_, all_, seconds_left(round));
    const clock::time_point start = clock::now();
    run_round(cell, limits(), stop_);
    const double took = seconds_since(start);
    passed_ += took;
    passed_expected_ += expected_[index];
    round_left_ -= expected_[index];
    expected_[index] = cell.status == status::ok ? took : 0;
    ++done_;
  }

  // In the first round the plan's expectation is corrected by how it has held so far; later ones go by the cells' last.
  double seconds_left(int round) const {
    const double correction = round == 0 && passed_expected_ > 0 ? passed_ / passed_expected_ : 1;
    const double here = std::max(0.0, round_left_ * correction);
    const double whole_round = std::accumulate(expected_.begin(), expected_.end(), 0.0) - round_left_ + here;
    return here + whole_round * (found_.rounds - round - 1);
  }

  cell_limits limits() const {
    using std::chrono::milliseconds;
    const milliseconds patience = options_.full ? milliseconds(180'000) : milliseconds(20'000);
    return {.budget = plan_.budget(),
            .time_limit = options_.time_limit.value_or(patience + 20 * plan_.budget()),
            .full = options_.full};
  }

  const compare_options& options_;
  comparison& found_;
  const interruption& stop_;
  progress& shown_;
  round_plan plan_;
  const clock::time_point started_ = clock::now();
  std::vector<double> expected_;  ///< of the next round of each cell: by the plan, then as its last round took
  double passed_ = 0, passed_expected_ = 0;
  double round_left_ = 0;           ///< expected of the cells that this round has not run yet
  std::size_t done_ = 0, all_ = 0;  ///< rounds of cells
};

}  // namespace

void compare_workloads(const compare_options& options, comparison& found, const interruption& stop, progress& shown) {
  workload_run(options, found, stop, shown).run();
}

}  // namespace cistern::compare
