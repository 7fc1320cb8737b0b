// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/task_batch.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::group_failures;
using cistern::task_batch;
using cistern::worker_pool;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::gate;
using clock = cistern::sync::clock;

TEST(task_batch, gives_results_in_the_order_of_the_tasks) {
  worker_pool pool({.max_workers = 2});
  const auto work = [&] {
    task_batch<int> batch(pool);
    std::vector<int> wanted;
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(batch.run([i] { return i * i; }), static_cast<std::size_t>(i));
      wanted.push_back(i * i);
    }
    EXPECT_EQ(batch.size(), 100u);
    EXPECT_EQ(batch.results(), wanted);
    EXPECT_FALSE(batch.next()) << "all are handed out";
  };
  work();
  pool.submit_wait(work);
}

TEST(task_batch, gives_results_as_they_come) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  task_batch<int> batch(pool);
  gate slow;
  batch.run([&] { return slow.pass(), 0; });
  slow.until_there_are(1);
  batch.run([] { return 1; });
  auto first = batch.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->index(), 1u);
  EXPECT_EQ(first->get(), 1);
  EXPECT_FALSE(batch.next_until(clock::now() + std::chrono::milliseconds(1)));
  slow.open();
  auto second = batch.next();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->index(), 0u);
  EXPECT_FALSE(batch.next());
  batch.run([] { return 2; });
  EXPECT_EQ(batch.next()->get(), 2) << "one may go on";
}

TEST(task_batch, wakes_who_sleeps_until_the_next_one_while_another_goes_on) {
  worker_pool pool({.max_workers = 2, .spawn = 2, .spin = std::chrono::nanoseconds(0)});
  task_batch<int> batch(pool);
  for (int turn = 0; turn < 20; ++turn) {
    gate first, second;
    const std::size_t index = batch.run([&] { return first.pass(), 1; });
    batch.run([&] { return second.pass(), 2; });
    first.until_there_are(1);
    second.until_there_are(1);
    std::thread opener([&] {
      for (int i = 0; i < 100; ++i) std::this_thread::yield();
      first.open();
    });
    EXPECT_EQ(batch.next()->index(), index);
    opener.join();
    second.open();
    EXPECT_EQ(batch.next()->get(), 2);
  }
}

TEST(task_batch, gives_each_result_once_to_whoever_asks) {
  worker_pool pool({.max_workers = 2});
  task_batch<int> batch(pool);
  constexpr int count = 2000;
  std::array<std::atomic<int>, count> seen{};
  for (int i = 0; i < count; ++i) batch.run([i] { return i; });
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader)
    readers.emplace_back([&] {
      while (auto item = batch.next()) ++seen[static_cast<std::size_t>(item->get())];
    });
  for (auto& each : readers) each.join();
  EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& each) { return each == 1; }));
}

TEST(task_batch, has_each_result_handed_out_once) {
  worker_pool pool({.max_workers = 1});
  task_batch<int> batch(pool);
  batch.run([] { return 1; });
  batch.run([] { return 2; });
  EXPECT_EQ(batch.get(0), 1);
  EXPECT_THROW(batch.get(0), std::logic_error);
  EXPECT_EQ(batch.next()->index(), 1u);
  EXPECT_FALSE(batch.next());
  EXPECT_THROW(batch.get(1), std::logic_error);
  EXPECT_THROW(batch.get(2), std::out_of_range);
}

TEST(task_batch, waits_for_one_task_alone) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  task_batch<int> batch(pool);
  gate slow;
  batch.run([&] { return slow.pass(), 0; });
  slow.until_there_are(1);
  batch.run([] { return 1; });
  EXPECT_EQ(batch.get(1), 1);
  slow.open();
  EXPECT_EQ(batch.get(0), 0);
}

TEST(task_batch, has_a_task_that_throws_be_an_item_that_says_so) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_batch<int> batch(pool);
  batch.run([]() -> int { throw std::runtime_error("bad"); });
  batch.run([] { return 1; });
  auto bad = batch.next();
  EXPECT_FALSE(bad->has_value());
  EXPECT_NE(bad->exception(), nullptr);
  EXPECT_THROW(bad->get(), std::runtime_error);
  auto good = batch.next();
  EXPECT_TRUE(good->has_value());
  EXPECT_EQ(good->exception(), nullptr);
  EXPECT_EQ(good->get(), 1);
  EXPECT_EQ(pool.statistics().failures.size(), 0u);
}

TEST(task_batch, cancels_the_rest_when_told_to_and_leaves_none_out) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_batch<int> batch(pool, {.failures = group_failures::cancel_rest});
  batch.run([]() -> int { throw std::runtime_error("bad"); });
  for (int i = 0; i < 9; ++i) batch.run([] { return 1; });
  EXPECT_THROW(batch.get(0), std::runtime_error);
  int cancelled = 0;
  while (auto item = batch.next()) {
    EXPECT_THROW(item->get(), cistern::task_cancelled);
    ++cancelled;
  }
  EXPECT_EQ(cancelled, 9);
}

TEST(task_batch, is_cancelled_item_by_item) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_batch<int> batch(pool);
  for (int i = 0; i < 3; ++i) batch.run([] { return 1; });
  batch.cancel();
  EXPECT_TRUE(batch.wait());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_THROW(batch.get(i), cistern::task_cancelled);
}

TEST(task_batch, has_items_for_tasks_that_the_pool_discards) {
  worker_pool pool({.max_workers = 1});
  task_batch<int> batch(pool);
  std::optional<busy_worker> nobody_else(pool);
  for (int i = 0; i < 3; ++i) batch.run([] { return 1; });
  pool.request_stop(true);
  nobody_else.reset();
  static_cast<void>(pool.stop_and_discard());
  for (int i = 0; i < 3; ++i) EXPECT_THROW(batch.next()->get(), cistern::task_cancelled);
  EXPECT_FALSE(batch.next());
  EXPECT_THROW(batch.run([] { return 1; }), cistern::submission_refused);
  EXPECT_EQ(batch.size(), 3u) << "what was refused is none of it";
}

TEST(task_batch, of_void_says_what_has_ended) {
  worker_pool pool({.max_workers = 2});
  task_batch<void> batch(pool);
  batch.run([] {});
  batch.run([] { throw 1; });
  batch.get(0);
  EXPECT_THROW(batch.get(1), int);
}

TEST(task_batch, takes_values_and_callables_that_can_only_be_moved) {
  worker_pool pool({.max_workers = 2});
  task_batch<std::unique_ptr<int>> batch(pool);
  for (int i = 0; i < 3; ++i)
    batch.run([value = std::make_unique<int>(i), large = std::array<char, 100>{}]() mutable {
      static_cast<void>(large);
      return std::move(value);
    });
  const auto values = batch.results();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*values[static_cast<std::size_t>(i)], i);
}

TEST(task_batch, that_is_destroyed_early_does_not_begin_the_rest) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  int calls = 0;
  {
    task_batch<int> batch(pool);
    for (int i = 0; i < 3; ++i) batch.run([&] { return ++calls; });
  }
  EXPECT_EQ(calls, 0);
}

TEST(task_batch, hands_an_item_out_when_its_callable_is_destroyed) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  for (int round = 0; round < 200; ++round) {
    task_batch<int> batch(pool);
    const auto held = std::make_shared<int>(round);
    batch.run([held] { return *held; });
    EXPECT_EQ(batch.next()->get(), round);
    EXPECT_EQ(held.use_count(), 1);
  }
}

}  // namespace
