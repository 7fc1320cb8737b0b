// SPDX-License-Identifier: MIT
//
// Tasks of groups that have results.
#include "worker_things.hpp"
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::group_failures;
using cistern::group_status;
using cistern::result;
using cistern::task_group;
using cistern::worker_pool;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::workers;

TEST(task_group, counts_how_results_end_that_are_made_by_who_waits_from_outside) {
  worker_pool pool(workers(1));
  busy_worker busy(pool);
  task_group group(pool, {.failures = group_failures::collect});
  auto done = group.run_result([] { return 1; });
  auto fails = group.run_result([]() -> int { throw std::runtime_error("on purpose"); });
  auto gone = group.run_result([] { return 3; });
  EXPECT_TRUE(gone.cancel());
  EXPECT_EQ(group.wait(), group_status::failed);
  EXPECT_EQ(done.get(), 1);
  EXPECT_THROW(fails.get(), std::runtime_error);
  EXPECT_EQ(group.failures().size(), 1u);
  busy.end();
  pool.wait_idle();
  const auto now = pool.statistics();
  EXPECT_EQ(now.completed, 2u);  // the busy one is the other
  EXPECT_EQ(now.failed, 1u);
  EXPECT_EQ(now.cancelled, 1u);
  expect_balance(now);
}

TEST(task_group, gives_results_in_order) {
  worker_pool pool({.max_workers = 2});
  const auto work = [&] {
    task_group group(pool);
    std::vector<result<int>> squares;
    for (int i = 0; i < 100; ++i) squares.push_back(group.run_result([i] { return i * i; }));
    EXPECT_EQ(group.wait(), group_status::complete);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(squares[static_cast<std::size_t>(i)].ready());
      ASSERT_EQ(squares[static_cast<std::size_t>(i)].get(), i * i);
    }
  };
  work();
  pool.submit_wait(work);
}

TEST(task_group, has_an_exception_go_to_the_result_and_to_the_group) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_group group(pool);
  auto bad = group.run_result([]() -> int { throw std::runtime_error("bad"); });
  auto none = group.run_result([] { return 1; });
  EXPECT_THROW(group.wait(), std::runtime_error);
  EXPECT_THROW(bad.get(), std::runtime_error);
  EXPECT_THROW(none.get(), cistern::task_cancelled);
}

TEST(task_group, waits_for_a_task_whose_result_is_being_made_by_who_waits_for_that) {
  worker_pool pool({.max_workers = 1});
  pool.submit_wait([&] {
    std::optional<task_group> group(pool);
    bool done = false;
    auto early = group->run_result([&] { return group->pending() != 0 ? done = true, 5 : 0; });
    EXPECT_EQ(early.get(), 5) << "run by this worker, in get()";
    group->wait();
    group.reset();
    EXPECT_TRUE(done);
  });
}

TEST(task_group, lets_one_task_with_a_result_be_cancelled) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  task_group group(pool);
  auto one = group.run_result([] { return 1; });
  auto other = group.run_result([] { return 2; });
  EXPECT_TRUE(one.cancel());
  EXPECT_EQ(group.wait(), group_status::complete);
  EXPECT_THROW(one.get(), cistern::task_cancelled);
  EXPECT_EQ(other.get(), 2);
}

}  // namespace
