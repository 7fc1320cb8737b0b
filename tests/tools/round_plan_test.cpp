// SPDX-License-Identifier: MIT
#include "round_plan.hpp"

#include "selection.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

std::vector<cell> cells_of(int workloads, int contenders) {
  std::vector<cell> cells;
  for (int w = 0; w < workloads; ++w)
    for (int c = 0; c < contenders; ++c)
      cells.push_back(
          {.workload = "w" + std::to_string(w), .contender = "c" + std::to_string(c), .reason = {}, .rounds = {}});
  return cells;
}

double expected_total(const round_plan& plan, const std::vector<cell>& cells, int rounds) {
  double total = 0;
  for (const cell& each : cells) total += rounds * plan.expected_seconds(each);
  return total;
}

TEST(round_plan, fills_the_time_that_there_is_and_no_more) {
  std::vector<cell> cells = cells_of(30, 10);
  for (int c = 0; c < 10; ++c) cells[static_cast<std::size_t>(c)].workload = "memory";
  const round_plan plan({.rounds = 3, .total = seconds(112)}, cells);
  const double total = expected_total(plan, cells, 3);
  EXPECT_LE(total, 112.5);
  EXPECT_GE(total, 105);
}

TEST(round_plan, gives_few_cells_no_more_than_half_a_second) {
  const std::vector<cell> cells = cells_of(1, 2);
  EXPECT_EQ(round_plan({.rounds = 3, .total = seconds(112)}, cells).budget(), milliseconds(500));
}

TEST(round_plan, shrinks_the_budget_on_a_slower_machine) {
  const std::vector<cell> cells = cells_of(30, 10);
  round_plan plan({.rounds = 3, .total = seconds(112)}, cells);
  const milliseconds before = plan.budget();
  EXPECT_TRUE(plan.next_round(50, 50, 2));
  EXPECT_LT(plan.budget(), before);
}

TEST(round_plan, keeps_the_budget_while_the_time_suffices) {
  const std::vector<cell> cells = cells_of(30, 10);
  round_plan plan({.rounds = 3, .total = seconds(112)}, cells);
  const milliseconds before = plan.budget();
  EXPECT_TRUE(plan.next_round(37, 37, 2));
  EXPECT_EQ(plan.budget(), before);
}

TEST(round_plan, stops_when_no_further_round_fits) {
  const std::vector<cell> cells = cells_of(30, 10);
  round_plan plan({.rounds = 3, .total = seconds(112)}, cells);
  EXPECT_FALSE(plan.next_round(100, 100, 2));
}

TEST(round_plan, adapts_nothing_when_the_budget_is_given) {
  const std::vector<cell> cells = cells_of(30, 10);
  round_plan plan({.rounds = 3, .total = seconds(1), .budget = milliseconds(7)}, cells);
  EXPECT_TRUE(plan.next_round(100, 100, 2));
  EXPECT_EQ(plan.budget(), milliseconds(7));
}

TEST(round_order, keeps_workloads_together_and_runs_every_cell_once) {
  const std::vector<cell> cells = cells_of(5, 7);
  const std::vector<std::size_t> order = round_order(cells, 1);
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.end()).size(), cells.size());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(cells[order[i]].workload, cells[i].workload);
}

TEST(round_order, is_another_in_each_round_and_the_same_in_each_run) {
  const std::vector<cell> cells = cells_of(5, 7);
  EXPECT_EQ(round_order(cells, 0), round_order(cells, 0));
  EXPECT_NE(round_order(cells, 0), round_order(cells, 1));
}

TEST(usual_threads, are_one_and_all_processors_and_more_in_the_full_set) {
  EXPECT_THAT(usual_threads(1, false), ElementsAre(1, 2));
  EXPECT_THAT(usual_threads(6, false), ElementsAre(1, 6));
  EXPECT_THAT(usual_threads(2, true), ElementsAre(1, 2, 4));
  EXPECT_THAT(usual_threads(6, true), ElementsAre(1, 2, 4, 6, 8, 12));
}

}  // namespace
}  // namespace cistern::compare
