// SPDX-License-Identifier: MIT
//
// Waits for groups: what they run, and what they do not.
#include "worker_things.hpp"
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::group_status;
using cistern::task_group;
using cistern::worker_pool;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using clock = cistern::sync::clock;

int fib(worker_pool& pool, int n) {
  if (n < 2) return n;
  int left = 0;
  task_group group(pool);
  group.run([&, n] { left = fib(pool, n - 1); });
  const int right = fib(pool, n - 2);
  group.wait();
  return left + right;
}

TEST(task_group_wait, forks_and_joins) {
  for (const std::size_t workers : {1u, 2u, 4u}) {
    worker_pool pool({.max_workers = workers, .spawn = workers});
    EXPECT_EQ(pool.submit_wait([&] { return fib(pool, 18); }), 2584);
    EXPECT_EQ(fib(pool, 12), 144) << "by a thread that is no worker";
  }
}

TEST(task_group_wait, nests_to_a_depth_of_100_on_one_worker_with_a_queue_of_one) {
  worker_pool pool({.max_workers = 1, .queue_bound = 1});
  std::function<int(int)> nest = [&](int depth) {
    if (depth == 0) return 0;
    task_group group(pool);
    int below = 0;
    group.run([&] { below = nest(depth - 1); });
    group.wait();
    return below + 1;
  };
  EXPECT_EQ(pool.submit_wait([&] { return nest(100); }), 100);
  EXPECT_EQ(nest(100), 100);
}

TEST(task_group_wait, runs_the_tasks_itself_when_no_worker_is_free) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_group group(pool);
  std::vector<std::thread::id> ran;
  for (int i = 0; i < 3; ++i) group.run([&] { ran.push_back(std::this_thread::get_id()); });
  group.wait();
  EXPECT_EQ(ran, std::vector(3, std::this_thread::get_id()));
}

TEST(task_group_wait, has_workers_run_them_too) {
  worker_pool pool({.max_workers = 1});
  task_group group(pool);
  gate begun, over;
  std::thread::id ran;
  group.run([&] {
    ran = std::this_thread::get_id();
    begun.pass();
  });
  begun.until_there_are(1);
  EXPECT_NE(ran, std::this_thread::get_id());
  begun.open();
  group.wait();
}

TEST(task_group_wait, never_runs_a_foreign_task) {
  worker_pool pool({.max_workers = 1});
  std::mutex lock;
  bool foreign_ran = false;
  pool.submit_wait([&] {
    const std::scoped_lock held(lock);
    pool.submit([&] { const std::scoped_lock wanted(lock); });
    task_group group(pool);
    group.run([] {});
    pool.submit([&] {
      const std::scoped_lock wanted(lock);
      foreign_ran = true;
    });
    group.run([] {});
    EXPECT_EQ(group.wait(), group_status::complete);
    EXPECT_FALSE(foreign_ran);
  });
  pool.wait_idle();
  EXPECT_TRUE(foreign_ran) << "but it is not forgotten";
}

TEST(task_group_wait, hands_foreign_tasks_that_lie_above_its_own_to_other_workers) {
  gate foreign;
  worker_pool pool({.max_workers = 2, .spawn = 2});
  pool.submit_wait([&] {
    busy_worker other(pool);
    task_group group(pool);
    group.run([&] {
      other.end();
      foreign.until_there_are(1);
      foreign.open();
    });
    pool.submit([&] { foreign.pass(); });
    group.wait();
  });
}

TEST(task_group_wait, runs_no_task_of_a_group_beside_its_own) {
  worker_pool pool({.max_workers = 1});
  pool.submit_wait([&] {
    std::mutex lock;
    task_group outer(pool);
    outer.run([&] { const std::scoped_lock wanted(lock); });
    {
      const std::scoped_lock held(lock);
      task_group group(pool);
      group.run([] {});
      outer.run([&] { const std::scoped_lock wanted(lock); });
      EXPECT_EQ(group.wait(), group_status::complete);
    }
    EXPECT_EQ(outer.pending(), 2u);
    EXPECT_EQ(outer.wait(), group_status::complete);
  });
}

TEST(task_group_wait, runs_what_its_tasks_have_forked_while_they_run_elsewhere) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  std::thread::id waiter, ran;
  pool.submit_wait([&] {
    waiter = std::this_thread::get_id();
    task_group group(pool);
    gate stolen, forked;
    group.run([&] {
      task_group inner(pool);
      inner.run([&] {
        ran = std::this_thread::get_id();
        forked.pass();
      });
      stolen.pass();
      forked.until_there_are(1);
      inner.wait();
    });
    stolen.until_there_are(1);  // by the other worker, which does not wait yet
    stolen.open();
    forked.open();
    group.wait();
  });
  EXPECT_EQ(ran, waiter);
}

TEST(task_group_wait, finds_tasks_that_lie_with_a_worker_which_is_busy_with_something_else) {
  gate stolen, other_over, submitted;
  worker_pool pool({.max_workers = 2, .spawn = 2});
  pool.submit_wait([&] {
    task_group group(pool);
    bool ran = false;
    group.run([&] {
      stolen.pass();
      group.run([&] { ran = true; });
      // In front of that one, and not of this group: the worker turns to it next.
      pool.submit([&] {
        submitted.pass();
        other_over.pass();
      });
    });
    stolen.until_there_are(1);
    stolen.open();
    submitted.until_there_are(1);
    submitted.open();
    group.wait();
    EXPECT_TRUE(ran);
    other_over.open();
  });
}

TEST(task_group_wait, wakes_for_tasks_that_come_while_it_sleeps) {
  worker_pool pool({.max_workers = 2, .spawn = 2, .spin = 0ns});
  for (const bool inside : {false, true}) {
    const auto work = [&] {
      std::thread::id ran;
      const std::thread::id waiter = std::this_thread::get_id();
      std::optional<busy_worker> second;
      task_group group(pool, {.outlives_task = true});
      gate begun, go_on, own;
      group.run([&] {
        begun.pass();
        go_on.pass();
        group.run([&] {
          ran = std::this_thread::get_id();
          own.pass();
        });
        own.until_there_are(1);
        own.open();
      });
      begun.until_there_are(1);
      begun.open();
      if (!inside) second.emplace(pool);
      std::thread opener([&] {
        until([&] { return group.pending() == 1; });
        for (int i = 0; i < 100; ++i) std::this_thread::yield();
        go_on.open();
      });
      group.wait();
      opener.join();
      EXPECT_EQ(ran, waiter);
    };
    inside ? pool.submit_wait(work) : work();
  }
}

TEST(task_group_wait, ends_at_its_deadline) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  for (const bool inside : {false, true}) {
    const auto work = [&] {
      task_group group(pool);
      gate begun;
      group.run([&] { begun.pass(); });
      begun.until_there_are(1);
      EXPECT_EQ(group.wait_until(clock::now() + 1ms), group_status::pending);
      EXPECT_EQ(group.wait_for(0ns), group_status::pending);
      begun.open();
      EXPECT_EQ(group.wait_until(clock::time_point::max()), group_status::complete);
      EXPECT_EQ(group.wait_for(std::chrono::nanoseconds::max()), group_status::complete);
    };
    inside ? pool.submit_wait(work) : work();
  }
}

TEST(task_group_wait, of_a_task_for_its_own_group_is_an_error) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool);
  group.run([&] {
    task_group within(pool);
    within.run([&] { EXPECT_THROW(group.wait(), std::logic_error); });
    within.wait();
  });
  EXPECT_EQ(group.wait(), group_status::complete);
}

TEST(task_group_wait, of_several_threads_for_one_group_ends_for_all) {
  worker_pool pool({.max_workers = 1});
  task_group group(pool);
  gate begun;
  group.run([&] { begun.pass(); });
  begun.until_there_are(1);
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { EXPECT_EQ(group.wait(), group_status::complete); });
  begun.open();
  for (auto& each : waiters) each.join();
}

// Two pools.

TEST(task_group_wait, of_one_pool_for_a_group_of_another_helps_there) {
  worker_pool first({.name = "first", .max_workers = 1}), second({.name = "second", .max_workers = 1});
  const busy_worker nobody_else(second);
  first.submit_wait([&] {
    const auto index = cistern::this_worker::index();
    task_group group(second);
    int calls = 0;
    std::pmr::memory_resource* memory = nullptr;
    for (int i = 0; i < 3; ++i)
      group.run([&] {
        ++calls;
        memory = &cistern::this_worker::arena();
        static_cast<void>(memory->allocate(100));
        task_group back(first);
        back.run([&] { ++calls; });
        back.wait();
      });
    group.wait();
    EXPECT_EQ(calls, 6);
    EXPECT_EQ(cistern::this_worker::index(), index);
    EXPECT_NE(memory, &cistern::this_worker::arena());
  });
}

TEST(task_group_wait, of_two_pools_for_each_other_comes_to_an_end) {
  worker_pool first({.max_workers = 1}), second({.max_workers = 1});
  std::function<int(int)> swing = [&](int depth) {
    if (depth == 0) return 0;
    task_group group(depth % 2 == 0 ? first : second);
    int below = 0, beside = 0;
    group.run([&] { below = swing(depth - 1); });
    group.run([&] { beside = swing(depth - 2 < 0 ? 0 : depth - 2); });
    group.wait();
    return below + beside + 1;
  };
  EXPECT_EQ(swing(12), 376);
  EXPECT_EQ(first.submit_wait([&] { return swing(12); }), 376);
}

// A thousand groups, from outside and within, whose tasks fork, share a group, throw, and are cancelled.
TEST(task_group_wait, of_a_thousand_groups_loses_no_task) {
  worker_pool pool({.max_workers = 3, .spawn = 3, .spin = 2us});
  std::atomic<int> calls = 0;
  const auto one_group = [&](int turn) {
    task_group group(pool);
    std::atomic<int> own = 0;
    for (int i = 0; i < 4; ++i)
      group.run([&, i] {
        task_group within(pool);
        for (int k = 0; k < 3; ++k) within.run([&] { ++own; });
        if (i % 2 == 0) group.run([&] { ++own; });
        pool.submit([&] { ++calls; });
        within.wait();
      });
    group.wait();
    EXPECT_EQ(own, 14);
    group.run([&] { ++calls; });
    group.run([&] { throw turn; });
    if (turn % 3 == 0) group.cancel();
    group.run([&] { ++calls; });
    try {
      group.wait();
    } catch (int thrown) {
      EXPECT_EQ(thrown, turn);
    }
  };
  std::vector<std::thread> others;
  for (int thread = 0; thread < 2; ++thread)
    others.emplace_back([&] {
      for (int turn = 0; turn < 250; ++turn) one_group(turn);
    });
  task_group all(pool);
  for (int turn = 0; turn < 500; ++turn) all.run([&, turn] { one_group(turn); });
  EXPECT_EQ(all.wait(), group_status::complete);
  for (auto& each : others) each.join();
  EXPECT_TRUE(pool.stop().ended);
  const auto numbers = pool.statistics();
  EXPECT_EQ(numbers.submitted, numbers.completed + numbers.failed + numbers.cancelled);
}

// Arenas.

TEST(task_group_wait, gives_each_task_that_it_runs_an_arena_for_itself) {
  worker_pool pool({.max_workers = 1});
  const auto work = [&] {
    auto& memory = cistern::this_worker::arena();
    auto* const own = static_cast<int*>(memory.allocate(sizeof(int), alignof(int)));
    *own = 7;
    void* first = nullptr;
    void* second = nullptr;
    task_group group(pool);
    group.run([&] { first = cistern::this_worker::arena().allocate(64); });
    group.run([&] { second = cistern::this_worker::arena().allocate(64); });
    group.wait();
    EXPECT_EQ(first, second) << "rewound after the first one";
    EXPECT_EQ(*own, 7);
  };
  pool.submit_wait(work);
}

// The end of a pool.

TEST(task_group_wait, throws_task_cancelled_when_the_pool_discards_a_task) {
  worker_pool pool({.max_workers = 1});
  int calls = 0;
  gate begun;
  pool.submit([&] {
    task_group group(pool);
    for (int i = 0; i < 10; ++i) group.run([&] { ++calls; });
    begun.pass();
    until([&] { return pool.statistics().stopped; });
    EXPECT_THROW(group.wait(), cistern::task_cancelled);
    EXPECT_THROW(group.run([] {}), cistern::submission_refused);
  });
  begun.until_there_are(1);
  begun.open();
  static_cast<void>(pool.stop_and_discard());
  EXPECT_EQ(calls, 0);
}

TEST(task_group_wait, from_outside_ends_when_the_pool_discards) {
  for (const bool waits_first : {false, true}) {
    worker_pool pool({.max_workers = 1});
    std::optional<busy_worker> nobody_else(pool);
    task_group group(pool);
    std::atomic<int> calls = 0;
    for (int i = 0; i < 10; ++i) group.run([&] { ++calls; });
    pool.request_stop(true);
    nobody_else.reset();
    if (!waits_first) static_cast<void>(pool.stop_and_discard());
    EXPECT_THROW(group.wait(), cistern::task_cancelled);
    EXPECT_EQ(calls, 0);
  }
}

TEST(task_group_wait, with_a_limit_ends_when_the_pool_discards) {
  worker_pool pool({.max_workers = 1});
  std::optional<busy_worker> nobody_else(pool);
  task_group group(pool, {.max_concurrency = 2});
  std::atomic<int> calls = 0;
  for (int i = 0; i < 10; ++i) group.run([&] { ++calls; });
  pool.request_stop(true);
  nobody_else.reset();
  EXPECT_EQ(pool.stop_and_discard().discarded, 10u);
  EXPECT_EQ(group.pending(), 0u);
  EXPECT_THROW(group.wait(), cistern::task_cancelled);
}

TEST(task_group_wait, runs_all_when_the_pool_drains) {
  worker_pool pool({.max_workers = 2});
  std::atomic<int> calls = 0;
  task_group group(pool, {.max_concurrency = 1});
  for (int i = 0; i < 100; ++i) group.run([&] { ++calls; });
  EXPECT_TRUE(pool.stop().ended);
  EXPECT_EQ(calls, 100);
  EXPECT_EQ(group.wait(), group_status::complete);
}

TEST(task_group_wait, runs_tasks_of_a_paused_pool) {
  worker_pool pool({.max_workers = 1});
  pool.pause();
  task_group group(pool);
  bool ran = false;
  group.run([&] { ran = true; });
  EXPECT_EQ(group.wait(), group_status::complete);
  EXPECT_TRUE(ran);
  pool.resume();
}

TEST(task_group_wait, finds_the_tasks_of_a_worker_that_left) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  pool.submit_wait([&] {
    task_group group(pool);
    gate stolen, resized;
    std::atomic<int> calls = 0;
    group.run([&] {
      stolen.pass();
      for (int i = 0; i < 10; ++i) group.run([&] { ++calls; });
      resized.pass();
    });
    stolen.until_there_are(1);
    stolen.open();
    pool.resize(1, 1);
    resized.open();
    group.wait();
    EXPECT_EQ(calls, 10);
  });
}

// Misuse.

void run_a_task_that_leaves_a_group_behind() {
  worker_pool pool({.max_workers = 1});
  std::optional<task_group> left;
  task_group group(pool);
  group.run([&] { left.emplace(pool); });
  group.wait();
}

TEST(task_group_death, ends_the_program_when_a_task_leaves_a_group_of_its_own_behind) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_a_task_that_leaves_a_group_behind(), "ends before a group that it has made");
}

TEST(task_group_wait, does_not_call_a_task_of_a_cancelled_group_for_its_result) {
  worker_pool pool({.max_workers = 1, .spawn = 1});
  bool called = false;
  pool.submit_wait([&] {
    task_group group(pool);
    auto result = group.run_result([&] { called = true; });
    group.cancel();
    EXPECT_THROW(result.get(), cistern::task_cancelled);
    EXPECT_EQ(group.wait(), group_status::cancelled);
  });
  EXPECT_FALSE(called);
}

}  // namespace
