// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::group_failures;
using cistern::group_status;
using cistern::task_group;
using cistern::worker_pool;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;

std::string what_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST(task_group, runs_each_task_once_and_waits_for_all) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool);
  std::array<std::atomic<int>, 1000> calls{};
  for (auto& each : calls) group.run([&each] { ++each; });
  EXPECT_EQ(group.wait(), group_status::complete);
  for (const auto& each : calls) ASSERT_EQ(each, 1);
  EXPECT_EQ(group.pending(), 0u);
}

TEST(task_group, without_tasks_is_complete) {
  worker_pool pool({.max_workers = 1});
  task_group group(pool);
  EXPECT_EQ(group.wait(), group_status::complete);
}

TEST(task_group, runs_tasks_of_a_worker_too) {
  worker_pool pool({.max_workers = 2});
  int sum = 0;
  pool.submit_wait([&] {
    task_group group(pool);
    std::array<int, 100> values{};
    for (int i = 0; i < 100; ++i) group.run([&values, i] { values[static_cast<std::size_t>(i)] = i; });
    EXPECT_EQ(group.wait(), group_status::complete);
    sum = std::accumulate(values.begin(), values.end(), 0);
  });
  EXPECT_EQ(sum, 4950);
}

TEST(task_group, may_be_used_again_after_a_wait) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool);
  int calls = 0;
  for (int turn = 1; turn <= 3; ++turn) {
    group.run([&] { ++calls; });
    EXPECT_EQ(group.wait(), group_status::complete);
    EXPECT_EQ(calls, turn);
  }
}

TEST(task_group, takes_tasks_from_its_own_tasks) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool);
  std::atomic<int> calls = 0;
  const std::function<void(int)> grow = [&](int height) {
    ++calls;
    for (int i = 0; i < 2 && height > 0; ++i) group.run([&grow, height] { grow(height - 1); });
  };
  group.run([&] { grow(9); });
  group.wait();
  EXPECT_EQ(calls, 1023);
}

TEST(task_group, destroys_the_callable_before_the_wait_returns) {
  worker_pool pool({.max_workers = 2});
  const auto small = std::make_shared<int>(1);
  for (int turn = 0; turn < 200; ++turn) {
    task_group group(pool);
    group.run([small] {});
    group.run([small, large = std::array<char, 100>{}] { static_cast<void>(large); });
    group.wait();
    ASSERT_EQ(small.use_count(), 1);
  }
}

TEST(task_group, takes_callables_that_can_only_be_moved_of_any_size_and_alignment) {
  struct alignas(64) wide {
    std::array<std::size_t, 8> values;
  };
  for (const bool measures : {false, true}) {
    worker_pool measured({.max_workers = 1, .measure_times = measures});
    for (const bool inside : {false, true}) {
      std::atomic<std::size_t> sum = 0;
      const auto work = [&] {
        task_group group(measured);
        group.run([one = std::make_unique<std::size_t>(1), &sum] { sum += *one; });
        group.run([more = wide{{2, 3}}, &sum] {
          sum += more.values[0] + more.values[1] + reinterpret_cast<std::uintptr_t>(&more) % 64;
        });
        group.wait();
      };
      inside ? measured.submit_wait(work) : work();
      EXPECT_EQ(sum, 6u);
    }
    EXPECT_EQ(measured.statistics().waited.total() != 0, measures);
  }
}

TEST(task_group, refuses_a_null_task_and_a_limit_of_zero) {
  worker_pool pool({.max_workers = 1});
  task_group group(pool);
  EXPECT_THROW(group.run(std::function<void()>()), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(group.run_result(std::function<int()>())), std::invalid_argument);
  EXPECT_THROW(task_group(pool, {.max_concurrency = 0}), std::invalid_argument);
  EXPECT_EQ(group.pending(), 0u);
}

TEST(task_group, leaves_the_callable_alone_that_a_stopped_pool_does_not_take) {
  worker_pool pool({.max_workers = 1});
  static_cast<void>(pool.stop());
  task_group group(pool);
  struct owner {
    std::unique_ptr<int> held = std::make_unique<int>(7);
    void operator()() const {}
  } callable;
  EXPECT_THROW(group.run(std::move(callable)), cistern::submission_refused);
  EXPECT_THROW(static_cast<void>(group.run_result(std::move(callable))), cistern::submission_refused);
  EXPECT_NE(callable.held, nullptr);
  EXPECT_EQ(group.wait(), group_status::complete);
}

TEST(task_group, takes_a_callable_that_throws_as_it_is_copied_for_not_submitted) {
  struct no_copy {
    no_copy() = default;
    no_copy(const no_copy&) { throw std::runtime_error("copied"); }
    void operator()() const {}
  };
  worker_pool pool({.max_workers = 1});
  const no_copy callable;
  for (const bool inside : {false, true}) {
    const auto work = [&] {
      task_group group(pool);
      EXPECT_THROW(group.run(callable), std::runtime_error);
      EXPECT_THROW(static_cast<void>(group.run_result(callable)), std::runtime_error);
      EXPECT_EQ(group.pending(), 0u);
    };
    inside ? pool.submit_wait(work) : work();
  }
}

// Exceptions.

TEST(task_group, throws_the_first_exception_and_does_not_begin_the_rest) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_group group(pool);
  int calls = 0;
  group.run([&] { ++calls; });
  group.run([] { throw std::runtime_error("the first"); });
  for (int i = 0; i < 10; ++i) group.run([&] { ++calls; });
  try {
    group.wait();
    ADD_FAILURE() << "no exception";
  } catch (const std::runtime_error& thrown) {
    EXPECT_STREQ(thrown.what(), "the first");
  }
  EXPECT_EQ(calls, 1);
}

TEST(task_group, is_as_new_after_it_threw) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool);
  group.run([] { throw 1; });
  EXPECT_THROW(group.wait(), int);
  bool called = false;
  group.run([&] { called = true; });
  EXPECT_EQ(group.wait(), group_status::complete);
  EXPECT_TRUE(called);
}

TEST(task_group, throws_what_a_task_on_a_worker_threw) {
  worker_pool pool({.max_workers = 2});
  pool.submit_wait([&] {
    task_group group(pool);
    group.run([] { throw std::runtime_error("inside"); });
    EXPECT_THROW(group.wait(), std::runtime_error);
  });
  EXPECT_EQ(pool.statistics().failures.size(), 0u) << "the exception had somebody who took it";
}

TEST(task_group, collects_all_exceptions_with_their_places) {
  worker_pool pool({.max_workers = 1});
  pool.submit_wait([&] {
    task_group group(pool, {.failures = group_failures::collect});
    int calls = 0;
    group.run([&] { ++calls; });
    group.run([] { throw std::runtime_error("a"); });
    group.run([] { throw std::runtime_error("b"); });
    group.run([&] { ++calls; });
    EXPECT_EQ(group.wait(), group_status::failed);
    EXPECT_EQ(calls, 2);
    const auto failures = group.failures();
    ASSERT_EQ(failures.size(), 2u);
    EXPECT_EQ(what_of(failures[0].exception), "b") << "a worker's own tasks run last in, first out";
    EXPECT_EQ(what_of(failures[1].exception), "a");
    EXPECT_NE(std::string(failures[0].site.file).find("task_group_test"), std::string::npos);
    EXPECT_EQ(failures[0].site.line, failures[1].site.line + 1);
    EXPECT_TRUE(group.failures().empty());
    EXPECT_EQ(group.wait(), group_status::complete);
  });
}

TEST(task_group, hands_exceptions_to_the_pool) {
  std::atomic<int> handled = 0;
  worker_pool pool({.max_workers = 1, .on_exception = [&](const auto&, const auto&) { ++handled; }});
  const auto work = [&] {
    task_group group(pool, {.failures = group_failures::to_pool});
    group.run([] { throw 1; });
    group.run([] { throw 2; });
    EXPECT_EQ(group.wait(), group_status::complete);
  };
  work();
  EXPECT_EQ(handled, 2);
  pool.submit_wait(work);
  EXPECT_EQ(handled, 4);
}

TEST(task_group, destroyed_without_a_wait_hands_what_nobody_has_seen_to_the_pool) {
  std::atomic<int> handled = 0;
  worker_pool pool({.max_workers = 1, .on_exception = [&](const auto&, const auto&) { ++handled; }});
  {
    task_group group(pool);
    group.run([] { throw 1; });
  }
  EXPECT_EQ(handled, 1);
  {
    task_group group(pool, {.failures = group_failures::collect});
    group.run([] { throw 1; });
    group.run([] { throw 2; });
  }
  EXPECT_EQ(handled, 3);
}

TEST(task_group, destroyed_by_an_exception_does_not_begin_what_has_not) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  int calls = 0;
  try {
    task_group group(pool);
    for (int i = 0; i < 10; ++i) group.run([&] { ++calls; });
    throw std::runtime_error("between run and wait");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(calls, 0);
  {
    task_group group(pool);
    group.run([&] { ++calls; });
  }
  EXPECT_EQ(calls, 1) << "without one it waits";
}

// Cancelling.

TEST(task_group, calls_nothing_more_once_it_is_cancelled) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_group group(pool);
  int calls = 0;
  group.run([&] { ++calls; });
  EXPECT_FALSE(group.is_cancelled());
  group.cancel();
  EXPECT_TRUE(group.is_cancelled());
  group.run([&] { ++calls; });
  EXPECT_EQ(group.wait(), group_status::cancelled);
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(group.is_cancelled()) << "after a wait it is as new";
  group.run([&] { ++calls; });
  EXPECT_EQ(group.wait(), group_status::complete);
  EXPECT_EQ(calls, 1);
}

TEST(task_group, tells_its_tasks_by_a_token) {
  worker_pool pool({.max_workers = 2});
  task_group group(pool);
  const std::stop_token before = group.stop_token();
  gate begun;
  group.run([&, stop = group.stop_token()] {
    begun.open();
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  begun.pass();
  EXPECT_FALSE(before.stop_requested());
  group.cancel();
  EXPECT_EQ(group.wait(), group_status::cancelled);
  EXPECT_TRUE(before.stop_requested());
  EXPECT_FALSE(group.stop_token().stop_requested());
}

TEST(task_group, tells_the_others_when_one_throws) {
  worker_pool pool({.max_workers = 2, .spawn = 2});
  task_group group(pool);
  gate begun;
  group.run([&, stop = group.stop_token()] {
    begun.open();
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  begun.pass();
  group.run([] { throw std::runtime_error("enough"); });
  EXPECT_THROW(group.wait(), std::runtime_error);
}

TEST(task_group, is_cancelled_by_a_token_from_outside) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  std::stop_source source;
  int calls = 0;
  task_group group(pool, {.stop = source.get_token()});
  group.run([&] { ++calls; });
  EXPECT_EQ(group.wait(), group_status::complete);
  source.request_stop();
  group.run([&] { ++calls; });
  EXPECT_EQ(group.wait(), group_status::cancelled);
  EXPECT_TRUE(group.is_cancelled()) << "the token still says so";
  task_group late(pool, {.stop = source.get_token()});
  EXPECT_TRUE(late.is_cancelled());
  EXPECT_TRUE(late.stop_token().stop_requested());
  EXPECT_EQ(calls, 1);
}

TEST(task_group, cancels_the_groups_that_its_tasks_have_made) {
  worker_pool pool({.max_workers = 1});
  task_group outer(pool);
  int calls = 0;
  outer.run([&] {
    task_group inner(pool);
    const std::stop_token told = inner.stop_token();
    task_group apart(pool, {.outlives_task = true});
    outer.cancel();
    EXPECT_TRUE(inner.is_cancelled());
    EXPECT_TRUE(told.stop_requested());
    EXPECT_FALSE(apart.is_cancelled());
    inner.run([&] { ++calls; });
    EXPECT_EQ(inner.wait(), group_status::cancelled);
    apart.run([&] { calls += 10; });
    EXPECT_EQ(apart.wait(), group_status::complete);
  });
  EXPECT_EQ(outer.wait(), group_status::cancelled);
  EXPECT_EQ(calls, 10);
}

TEST(task_group, counts_its_tasks_in_the_numbers_of_the_pool) {
  worker_pool pool({.max_workers = 1});
  const auto work = [&] {
    task_group group(pool, {.failures = group_failures::collect});
    group.run([] {});
    group.run([] { throw 1; });
    group.wait();
    static_cast<void>(group.failures());
    group.run([] {});
    group.cancel();
    group.wait();
  };
  {
    const busy_worker nobody_else(pool);
    work();
  }
  pool.submit_wait(work);
  pool.wait_idle();
  const auto numbers = pool.statistics();
  EXPECT_EQ(numbers.submitted, 8u);
  EXPECT_EQ(numbers.started, 8u);
  EXPECT_EQ(numbers.completed, 4u);
  EXPECT_EQ(numbers.failed, 2u);
  EXPECT_EQ(numbers.cancelled, 2u);
}

TEST(task_group, has_the_pool_wait_for_what_a_waiting_thread_runs_and_know_its_place) {
  std::vector<cistern::source_site> sites;
  cistern::worker_pool_options options = workers(1);
  options.on_exception = [&](const std::exception_ptr&, const cistern::source_site& site) { sites.push_back(site); };
  worker_pool pool(options);
  busy_worker busy(pool);
  gate here;
  std::thread waits([&] {
    task_group group(pool, {.failures = group_failures::to_pool});
    group.run([&] {
      here.pass();
      throw std::runtime_error("on purpose");
    });
    group.wait();
  });
  here.until_there_are(1);
  busy.end();
  until([&] { return pool.statistics().completed == 1; });
  EXPECT_FALSE(pool.wait_idle(cistern::deadline_after(std::chrono::milliseconds(1))));
  const auto now = pool.statistics();
  EXPECT_EQ(now.running, 1u);
  EXPECT_EQ(now.submitted, now.completed + now.running);
  EXPECT_EQ(pool.running_tasks().size(), 1u);
  here.open();
  pool.wait_idle();
  waits.join();
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_NE(std::string(sites[0].file).find("task_group_test.cpp"), std::string::npos);
  expect_balance(pool.statistics());
}

}  // namespace
