// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/object_pool.hpp>

#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::ageing_clock;
using cistern::object_ageing;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pool_tests::counted;

object_pool_options with(ageing_clock& clock, object_ageing ageing = object_ageing::two_ticks) {
  return {.name = "ageing", .ageing = ageing, .clock = &clock, .background = false};
}

TEST(object_ageing, lets_an_idle_object_survive_one_tick_and_not_two) {
  for (const object_ageing ageing : {object_ageing::two_ticks, object_ageing::working_set}) {
    ageing_clock clock;
    object_pool<counted> pool(with(clock, ageing));
    pool.get().put();
    clock.tick();
    EXPECT_EQ(counted::there, 1);
    clock.tick();
    EXPECT_EQ(counted::there, 0);
    EXPECT_EQ(pool.statistics().aged, 1u);
  }
}

TEST(object_ageing, keeps_what_is_used_between_ticks) {
  for (const object_ageing ageing : {object_ageing::two_ticks, object_ageing::working_set}) {
    ageing_clock clock;
    object_pool<counted> pool(with(clock, ageing));
    for (int i = 0; i < 10; ++i) {
      pool.get().put();
      clock.tick();
    }
    EXPECT_EQ(pool.statistics().made, 1u);
  }
}

// A magazine that only puts have filled looks as the one before it, with as many gets.
TEST(object_ageing, keeps_what_was_put_since_the_last_tick_though_as_much_lay_there_before) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock, object_ageing::working_set));
  for (const std::size_t count : {1u, 62u, 124u}) {
    pool.clear();
    pool.warm(count);
    clock.tick();
    clock.tick();
    EXPECT_EQ(counted::there, 0) << count;
    pool.warm(count);
    clock.tick();
    EXPECT_EQ(counted::there, static_cast<int>(count));
  }
}

// The top of a magazine is used, what lies below is not.
TEST(object_ageing, lets_each_object_leave_by_itself) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock));
  pool.warm(5000);
  for (int i = 0; i < 2; ++i) {
    pool.get().put();
    clock.tick();
  }
  EXPECT_EQ(counted::there, 1);
  EXPECT_EQ(pool.statistics().total, 1u);
}

TEST(object_ageing, keeps_the_least_that_may_be_idle) {
  for (const object_ageing ageing : {object_ageing::two_ticks, object_ageing::working_set}) {
    ageing_clock clock;
    object_pool_options options = with(clock, ageing);
    options.min_idle = 70;
    object_pool<counted> pool(options);
    pool.warm(1000);
    for (int i = 0; i < 5; ++i) clock.tick();
    EXPECT_EQ(counted::there, 70);
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 70; ++i) held.push_back(pool.get());
    EXPECT_EQ(counted::there, 70);
    held.clear();
    pool.clear();
    EXPECT_EQ(counted::there, 0);
  }
}

TEST(object_ageing, takes_objects_from_a_thread_that_sleeps) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock));
  std::latch put(1), end(1);
  std::thread sleeper([&] {
    pool.warm(100);
    put.count_down();
    end.wait();
  });
  put.wait();
  clock.tick();
  clock.tick();
  EXPECT_EQ(counted::there, 0);
  end.count_down();
  sleeper.join();
}

TEST(object_ageing, counts_hits_on_what_had_been_idle_for_a_tick) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock));
  std::thread([&] { pool.get().put(); }).join();
  clock.tick();
  pool.get().put();
  EXPECT_EQ(pool.statistics().victim_hits, 1u);
  EXPECT_EQ(pool.statistics().made, 1u);
}

}  // namespace
