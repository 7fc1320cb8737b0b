// SPDX-License-Identifier: MIT
//
// Groups with a limit, and what is made of them.
#include "group_things.hpp"
#include "worker_things.hpp"
#include <cistern/workers/sub_pool.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::group_status;
using cistern::sub_pool;
using cistern::task_group;
using cistern::worker_pool;
using cistern::worker_tests::gate;
using cistern::worker_tests::high_water;
using clock = cistern::sync::clock;

TEST(task_group, with_a_limit_runs_no_more_tasks_at_a_time) {
  for (const std::size_t limit : {std::size_t{1}, std::size_t{2}}) {
    worker_pool pool({.max_workers = 4, .spawn = 4});
    for (const bool inside : {false, true}) {
      high_water running;
      int calls = 0;
      std::mutex counted;
      const auto work = [&] {
        task_group group(pool, {.max_concurrency = limit});
        for (int i = 0; i < 200; ++i)
          group.run([&] {
            running.enter();
            std::this_thread::yield();
            {
              const std::scoped_lock lock(counted);
              ++calls;
            }
            running.leave();
          });
        group.wait();
      };
      inside ? pool.submit_wait(work) : work();
      EXPECT_EQ(calls, 200);
      EXPECT_LE(running.most(), static_cast<int>(limit));
    }
  }
}

TEST(task_group, with_a_limit_of_one_runs_them_in_order) {
  worker_pool pool({.max_workers = 3, .spawn = 3});
  task_group group(pool, {.max_concurrency = 1});
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) group.run([&order, i] { order.push_back(i); });
  group.wait();
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_EQ(order.size(), 100u);
}

TEST(task_group, with_a_limit_skips_what_waits_when_it_is_cancelled) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool, {.max_concurrency = 1});
  std::atomic<int> calls = 0;
  gate begun, over;
  group.run([&] {
    begun.open();
    over.pass();
  });
  begun.pass();
  for (int i = 0; i < 100; ++i) group.run([&] { ++calls; });
  group.cancel();
  over.open();
  EXPECT_EQ(group.wait(), group_status::cancelled);
  EXPECT_EQ(calls, 0);
}

TEST(sub_pool, runs_no_more_tasks_at_a_time_and_waits_until_it_is_idle) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  cistern::sub_pool part(pool, 1);
  int calls = 0;
  for (int i = 0; i < 100; ++i) part.submit([&] { ++calls; });
  EXPECT_TRUE(part.wait_idle());
  EXPECT_EQ(calls, 100);
  EXPECT_EQ(part.submit_result([&] { return ++calls; }).get(), 101);
}

TEST(sub_pool, leaves_the_other_workers_to_others) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  cistern::sub_pool part(pool, 1);
  gate over;
  for (int i = 0; i < 10; ++i) part.submit([&] { over.pass(); });
  over.until_there_are(1);
  EXPECT_EQ(pool.submit_wait([] { return 5; }), 5) << "a worker is free";
  EXPECT_FALSE(part.wait_idle(clock::now()));
  EXPECT_EQ(part.pending(), 10u);
  over.open();
  EXPECT_TRUE(part.wait_idle());
}

TEST(sub_pool, goes_on_after_an_exception_and_may_be_cancelled) {
  std::atomic<int> handled = 0;
  worker_pool pool({.max_workers = 2, .on_exception = [&](const auto&, const auto&) { ++handled; }});
  cistern::sub_pool part(pool, 1);
  std::atomic<int> calls = 0;
  part.submit([] { throw 1; });
  part.submit([&] { ++calls; });
  EXPECT_TRUE(part.wait_idle());
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(calls, 1);
  gate begun;
  part.submit([&] { begun.pass(); });
  part.submit([&] { ++calls; });
  begun.until_there_are(1);
  part.cancel();
  begun.open();
  EXPECT_TRUE(part.wait_idle());
  EXPECT_EQ(calls, 1);
}

TEST(sub_pool, may_be_made_by_a_task_that_ends_before_it) {
  worker_pool pool({.max_workers = 2});
  std::unique_ptr<cistern::sub_pool> part;
  task_group group(pool);
  group.run([&] { part = std::make_unique<cistern::sub_pool>(pool, 1); });
  group.wait();
  EXPECT_EQ(part->submit_result([] { return 3; }).get(), 3);
}

TEST(sub_pool, keeps_to_its_share_where_a_worker_waits_for_a_result) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  sub_pool part(pool, 1);
  gate first;
  std::atomic<bool> is_inside{false}, overlapped{false};
  part.submit([&] {
    is_inside = true;
    first.pass();
    is_inside = false;
  });
  first.until_there_are(1);
  auto second = part.submit_result([&] {
    overlapped = is_inside.load();
    return 2;
  });
  gate waits;
  waits.open();
  auto waiter = pool.submit_result([&] {
    waits.pass();
    EXPECT_FALSE(second.wait_for(std::chrono::milliseconds(2)));
    return second.get();
  });
  waits.until_there_are(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  first.open();
  EXPECT_EQ(waiter.get(), 2);
  EXPECT_FALSE(overlapped);
}

TEST(sub_pool, has_a_worker_that_waits_for_a_result_run_what_is_before_it) {
  worker_pool pool({.max_workers = 1, .spawn = 1});
  std::vector<int> order;
  pool.submit_wait([&] {
    sub_pool part(pool, 1);
    for (int i = 0; i < 3; ++i) part.submit([&order, i] { order.push_back(i); });
    part.submit_result([&] { order.push_back(3); }).get();
  });
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

TEST(sub_pool, counts_what_waits_for_its_turn) {
  worker_pool pool({.max_workers = 1, .spawn = 0});
  pool.pause();
  sub_pool part(pool, 1);
  for (int i = 0; i < 3; ++i) part.submit([] {});
  EXPECT_EQ(pool.statistics().nested, 3u);
  cistern::worker_tests::expect_balance(pool.statistics());
  pool.resume();
}

}  // namespace
