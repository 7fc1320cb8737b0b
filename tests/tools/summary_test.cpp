// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using numbers = std::vector<double>;

TEST(median, is_the_middle_or_the_mean_of_the_middle_two) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({9, 1, 5, 7}), 6);
}

TEST(spread, goes_from_the_lowest_to_the_highest_of_a_few_rounds) {
  const range of_four = spread({4, 2, 3, 9});
  EXPECT_EQ(of_four.low, 2);
  EXPECT_EQ(of_four.high, 9);
}

TEST(spread, leaves_out_the_extremes_of_five_or_more) {
  const range of_five = spread({4, 2, 3, 9, 5});
  EXPECT_EQ(of_five.low, 3);
  EXPECT_EQ(of_five.high, 5);
}

TEST(no_difference, is_seen_where_the_spreads_overlap) {
  EXPECT_TRUE(no_difference(numbers{10, 11, 15}, numbers{14, 20, 21}));
  EXPECT_FALSE(no_difference(numbers{10, 11, 13}, numbers{14, 20, 21}));
}

TEST(no_difference, is_the_same_seen_from_either_side) {
  EXPECT_FALSE(no_difference(numbers{14, 20, 21}, numbers{10, 11, 13}));
  EXPECT_TRUE(no_difference(numbers{14, 20, 21}, numbers{10, 11, 15}));
}

TEST(no_difference, is_seen_within_three_percent_however_narrow_the_spreads) {
  EXPECT_TRUE(no_difference(numbers{100, 100, 100}, numbers{102.9, 102.9, 102.9}));
  EXPECT_FALSE(no_difference(numbers{100, 100, 100}, numbers{103.1, 103.1, 103.1}));
}

TEST(no_difference, asks_for_ten_percent_of_one_or_two_rounds) {
  EXPECT_TRUE(no_difference(numbers{100}, numbers{109}));
  EXPECT_FALSE(no_difference(numbers{100}, numbers{111}));
  // The spread of two rounds says little, so an overlap of it is no ground for a verdict either way.
  EXPECT_FALSE(no_difference(numbers{100, 130}, numbers{125, 150}));
}

TEST(no_difference, is_not_hidden_by_one_disturbed_round_of_five) {
  EXPECT_FALSE(no_difference(numbers{10, 10.1, 10.2, 10.3, 30}, numbers{12, 12.1, 12.2, 12.3, 12.4}));
}

cell cell_of(std::initializer_list<double> seconds) {
  cell made{.workload = "pair/64", .contender = "glibc", .threads = 2, .reason = {}, .rounds = {}};
  for (const double each : seconds) {
    perf::cell_result round{};
    round.operations = 1'000'000'000;
    round.seconds = each;
    made.rounds.push_back(round);
  }
  return made;
}

TEST(ns_per_operation, is_what_one_thread_spends) {
  const cell two_threads = cell_of({3});
  EXPECT_DOUBLE_EQ(ns_per_operation(two_threads.rounds[0], 2), 6);
  EXPECT_DOUBLE_EQ(operations_per_second(two_threads.rounds[0], 2), 1e9 / 3);
}

TEST(median_round, is_the_one_whose_time_is_the_median) {
  EXPECT_EQ(median_round(cell_of({3, 1, 2})).seconds, 2);
  EXPECT_EQ(median_round(cell_of({4, 3, 1, 2})).seconds, 2);
}

}  // namespace
}  // namespace cistern::compare
