// SPDX-License-Identifier: MIT
#include <cistern/allocators/memory_budget.hpp>

#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::memory_budget;

TEST(memory_budget, grants_up_to_the_limit_and_not_a_byte_more) {
  memory_budget budget(100);
  EXPECT_TRUE(budget.try_reserve(60));
  EXPECT_FALSE(budget.try_reserve(41));
  EXPECT_TRUE(budget.try_reserve(40));
  EXPECT_FALSE(budget.try_reserve(1));
  EXPECT_EQ(budget.used(), 100u);
  EXPECT_EQ(budget.refusals(), 2u);
}

TEST(memory_budget, may_be_spent_again_when_it_comes_back) {
  memory_budget budget(100);
  ASSERT_TRUE(budget.try_reserve(100));
  budget.release(30);
  EXPECT_EQ(budget.used(), 70u);
  EXPECT_TRUE(budget.try_reserve(30));
}

TEST(memory_budget, remembers_the_high_water) {
  memory_budget budget(100);
  ASSERT_TRUE(budget.try_reserve(80));
  budget.release(80);
  ASSERT_TRUE(budget.try_reserve(10));
  EXPECT_FALSE(budget.try_reserve(95));
  EXPECT_EQ(budget.high_water(), 80u);
}

TEST(memory_budget, grants_nothing_bytes_always) {
  memory_budget budget(0);
  EXPECT_TRUE(budget.try_reserve(0));
  EXPECT_FALSE(budget.try_reserve(1));
}

TEST(memory_budget, does_not_overflow) {
  memory_budget budget;
  EXPECT_EQ(budget.limit(), SIZE_MAX);
  ASSERT_TRUE(budget.try_reserve(100));
  EXPECT_FALSE(budget.try_reserve(SIZE_MAX - 50));
  EXPECT_TRUE(budget.try_reserve(SIZE_MAX - 100));
}

TEST(memory_budget, refuses_below_a_lowered_limit_until_enough_has_come_back) {
  memory_budget budget(100);
  ASSERT_TRUE(budget.try_reserve(90));
  budget.set_limit(50);
  EXPECT_FALSE(budget.try_reserve(1));
  EXPECT_EQ(budget.used(), 90u);
  budget.release(60);
  EXPECT_TRUE(budget.try_reserve(20));
  EXPECT_FALSE(budget.try_reserve(1));
  budget.set_limit(200);
  EXPECT_TRUE(budget.try_reserve(150));
}

// The same on every interleaving: tests/schedules/memory_budget_test.cpp.
TEST(memory_budget, is_exact_over_threads) {
  memory_budget budget(1000);
  std::vector<std::thread> threads;
  for (std::size_t bytes = 300; bytes < 304; ++bytes)
    threads.emplace_back([&budget, bytes] {
      for (int i = 0; i < 20'000; ++i)
        if (budget.try_reserve(bytes)) {
          EXPECT_LE(budget.used(), 1000u);
          budget.release(bytes);
        }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_LE(budget.high_water(), 1000u);
}

}  // namespace
