// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/pools/keep_rules.hpp>
#include <cistern/pools/object_pool.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pool_exhausted;
using cistern::pool_tests::counted;
using cistern::pool_tests::without_clock;
using testing::HasSubstr;

TEST(object_pool_limits, have_no_more_objects_than_max_total) {
  object_pool_options options = without_clock();
  options.max_total = 3;
  object_pool<counted> pool(options);
  auto a = pool.get(), b = pool.get(), c = pool.get();
  try {
    static_cast<void>(pool.get());
    FAIL();
  } catch (const pool_exhausted& none) {
    EXPECT_THAT(none.what(), HasSubstr("pool \"things\" of "));
    EXPECT_THAT(none.what(), HasSubstr("all of its 3 objects are out"));
  }
  EXPECT_EQ(pool.statistics().failures, 1u);
  b.put();
  EXPECT_TRUE(pool.get());
  EXPECT_EQ(counted::there, 3);
}

TEST(object_pool_limits, wait_for_a_put_until_their_deadline) {
  object_pool_options options = without_clock();
  options.max_total = 1;
  options.max_wait = 10s;
  object_pool<counted> pool(options);
  auto only = pool.get();
  EXPECT_THROW(static_cast<void>(pool.get_for(20ms)), pool_exhausted);
  EXPECT_THROW(static_cast<void>(pool.get_until(std::chrono::steady_clock::now() + 20ms)), pool_exhausted);
  for (int round = 0; round < 20; ++round) {
    std::thread other([&, held = std::move(only)]() mutable {
      std::this_thread::sleep_for(1ms);
      held.put();
    });
    only = pool.get();
    other.join();
    ASSERT_TRUE(only);
  }
  EXPECT_EQ(counted::there, 1);
  EXPECT_GE(pool.statistics().waits, 2u);
}

TEST(object_pool_limits, let_many_threads_share_few_objects) {
  object_pool_options options = without_clock();
  options.max_total = 2;
  options.max_wait = 60s;
  object_pool<counted> pool(options);
  std::atomic<int> out{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 200; ++turn) {
        auto one = pool.get();
        const int now = ++out;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        if (turn % 16 == 0) std::this_thread::yield();
        --out;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 2);
  EXPECT_LE(counted::there, 2);
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(object_pool_limits, keep_no_more_idle_than_max_idle) {
  object_pool_options options = without_clock();
  options.max_idle = 5;
  object_pool<counted> pool(options);
  std::vector<object_pool<counted>::handle> held;
  for (int i = 0; i < 20; ++i) held.push_back(pool.get());
  std::thread([&] { held.resize(10); }).join();
  held.clear();
  EXPECT_EQ(counted::there, 5);
  EXPECT_EQ(pool.statistics().refused, 15u);
  for (int i = 0; i < 20; ++i) held.push_back(pool.get());
  held.clear();
  EXPECT_EQ(counted::there, 5);
  EXPECT_EQ(pool.warm(3), 0u);
}

TEST(object_pool_limits, say_which_option_is_wrong) {
  const auto refusal = [](object_pool_options options) -> std::string {
    try {
      const object_pool<int> pool(options);
      return "none";
    } catch (const std::invalid_argument& wrong) {
      return wrong.what();
    }
  };
  EXPECT_THAT(refusal({.max_total = 0}), HasSubstr("max_total is 0"));
  EXPECT_THAT(refusal({.max_wait = -1ns}), HasSubstr("max_wait is negative"));
  EXPECT_THAT(refusal({.max_idle = 3, .min_idle = 4}), HasSubstr("min_idle (4) is above max_idle or max_total"));
  EXPECT_THAT(refusal({.max_total = 3, .min_idle = 4}), HasSubstr("min_idle (4) is above max_idle or max_total"));
  EXPECT_EQ(refusal({.max_idle = 4, .min_idle = 4}), "none");
}

TEST(object_pool_limits, refuse_types_that_no_span_can_hold) {
  struct alignas(131'072) too_aligned {
    char byte;
  };
  struct too_large {
    char bytes[1 << 30];
  };
  EXPECT_THROW(object_pool<too_aligned>{without_clock()}, std::invalid_argument);
  EXPECT_THROW(object_pool<too_large>{without_clock()}, std::invalid_argument);
}

TEST(object_pool_limits, count_idle_ones_right_as_they_come_and_go) {
  object_pool_options options = without_clock();
  options.max_idle = 100;
  object_pool<counted> pool(options);
  for (int round = 0; round < 3; ++round) {
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 150; ++i) held.push_back(pool.get());
    std::thread([&] { held.resize(80); }).join();
    held.clear();
    EXPECT_EQ(counted::there, 100);
    pool.clear();
    EXPECT_EQ(pool.warm(200), 100u);
    pool.clear();
    EXPECT_EQ(counted::there, 0);
  }
}

}  // namespace
