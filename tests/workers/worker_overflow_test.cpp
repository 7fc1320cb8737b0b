// SPDX-License-Identifier: MIT
//
// What happens when a worker_pool is full.
#include "worker_things.hpp"
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::accepted;
using cistern::deadline_after;
using cistern::overflow;
using cistern::submission;
using cistern::submission_refused;
using cistern::task;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::parcel;
using cistern::worker_tests::until;
using cistern::worker_tests::why_refused;
using cistern::worker_tests::workers;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(worker_overflow, waits_for_room) {
  worker_pool pool(bounded(1, 1));
  std::atomic<int> sum{0};
  std::optional<busy_worker> busy(pool);
  pool.submit(parcel(sum));
  std::thread submits([&] { pool.submit(parcel(sum)); });
  until([&] { return pool.statistics().waiting == 1; });
  EXPECT_EQ(pool.statistics().queued, 1u);
  busy.reset();
  submits.join();
  pool.wait_idle();
  EXPECT_EQ(sum, 10);
  EXPECT_EQ(pool.statistics().waiting, 0u);
  EXPECT_EQ(pool.statistics().rejected, 0u);
}

TEST(worker_overflow, waits_until_a_deadline_and_leaves_the_callable_as_it_was) {
  worker_pool pool(bounded(1, 1));
  std::atomic<int> sum{0};
  std::optional<busy_worker> busy(pool);
  pool.submit(parcel(sum));
  parcel third(sum);
  EXPECT_EQ(pool.submit_until(deadline_after(1ms), std::move(third)), submission::timed_out);
  EXPECT_EQ(pool.submit_until(deadline_after(-1h), std::move(third)), submission::timed_out);
  EXPECT_EQ(pool.submit_for(1ms, std::move(third)), submission::timed_out);
  EXPECT_EQ(pool.submit_for(-1h, std::move(third)), submission::timed_out);
  EXPECT_EQ(why_refused([&] { pool.submit({.deadline = deadline_after(1ms)}, std::move(third)); }),
            submission::timed_out);
  ASSERT_NE(third.content, nullptr);
  const auto now = pool.statistics();
  EXPECT_EQ(now.timed_out, 5u);
  EXPECT_EQ(now.rejected, 5u);
  busy.reset();
  EXPECT_EQ(pool.submit_for(std::chrono::nanoseconds::max(), std::move(third)), submission::accepted);
  EXPECT_EQ(third.content, nullptr);
  pool.wait_idle();
  EXPECT_EQ(sum, 10);
}

TEST(worker_overflow, waits_no_longer_than_the_pools_max_wait) {
  worker_pool_options options = bounded(1, 1);
  options.max_wait = 1ms;
  worker_pool pool(options);
  const busy_worker busy(pool);
  pool.submit([] {});
  EXPECT_EQ(why_refused([&] { pool.submit([] {}); }), submission::timed_out);
}

TEST(worker_overflow, rejects_and_leaves_the_callable_as_it_was) {
  worker_pool pool(bounded(1, 2, overflow::reject));
  std::atomic<int> sum{0};
  std::optional<busy_worker> busy(pool);
  pool.submit(parcel(sum));
  pool.submit(parcel(sum));
  parcel third(sum);
  EXPECT_EQ(pool.try_submit(std::move(third)), submission::full);
  try {
    pool.submit(std::move(third));
    ADD_FAILURE() << "accepted";
  } catch (const submission_refused& refused) {
    EXPECT_EQ(refused.why(), submission::full);
    EXPECT_THAT(refused.what(), HasSubstr("the worker_pool tested is full: 2 tasks wait, its queue_bound"));
  }
  EXPECT_THROW(static_cast<void>(pool.submit_result(std::move(third))), submission_refused);
  ASSERT_NE(third.content, nullptr);
  EXPECT_EQ(pool.statistics().rejected, 3u);
  EXPECT_EQ(pool.statistics().timed_out, 0u);
  busy.reset();
  pool.wait_idle();
  EXPECT_EQ(sum, 10);
  pool.submit(std::move(third));
  pool.wait_idle();
  EXPECT_EQ(sum, 15);
}

TEST(worker_overflow, runs_here_what_there_is_no_room_for) {
  worker_pool pool(bounded(1, 1, overflow::run_here));
  const busy_worker busy(pool);
  std::thread::id ran_on{};
  pool.submit([&] { ran_on = std::this_thread::get_id(); });
  pool.submit([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_EQ(pool.submit_result([] { return 7; }).get(), 7);
  const auto now = pool.statistics();
  EXPECT_EQ(now.ran_here, 2u);
  EXPECT_EQ(now.submitted, 2u);
  EXPECT_EQ(now.rejected, 0u);
}

TEST(worker_overflow, hands_an_exception_of_what_runs_here_to_the_handler) {
  worker_pool_options options = bounded(1, 1, overflow::run_here);
  int handled = 0;
  options.on_exception = [&](const std::exception_ptr&, const cistern::source_site& site) {
    EXPECT_NE(site.line, 0u);
    ++handled;
  };
  worker_pool pool(options);
  const busy_worker busy(pool);
  pool.submit([] {});
  pool.submit([] { throw std::runtime_error("here"); });
  EXPECT_EQ(handled, 1);
  EXPECT_FALSE(cistern::this_worker::index());
}

TEST(worker_overflow, drops_the_oldest) {
  worker_pool pool(bounded(1, 2, overflow::drop_oldest));
  std::vector<int> order;
  auto witness = std::make_shared<int>(0);
  {
    const busy_worker busy(pool);
    auto oldest = pool.submit_result([&order, witness] { order.push_back(0); });
    for (int i = 1; i < 4; ++i) pool.submit([&order, i] { order.push_back(i); });
    EXPECT_TRUE(oldest.ready());
    EXPECT_EQ(witness.use_count(), 1);
    EXPECT_THROW(oldest.get(), cistern::task_cancelled);
  }
  pool.wait_idle();
  EXPECT_THAT(order, ElementsAre(2, 3));
  EXPECT_EQ(pool.statistics().dropped, 2u);
  expect_balance(pool.statistics());
}

TEST(worker_overflow, is_the_submissions_own_where_it_says_so) {
  worker_pool pool(bounded(1, 1, overflow::wait));
  std::vector<int> order;
  int here = 0;
  {
    const busy_worker busy(pool);
    pool.submit([&] { order.push_back(0); });
    EXPECT_EQ(why_refused([&] { pool.submit({.when_full = overflow::reject}, [] {}); }), submission::full);
    pool.submit({.when_full = overflow::run_here}, [&] { ++here; });
    EXPECT_EQ(here, 1);
    pool.submit({.when_full = overflow::drop_oldest}, [&] { order.push_back(1); });
  }
  pool.wait_idle();
  EXPECT_THAT(order, ElementsAre(1));
}

TEST(worker_overflow, never_blocks_a_worker_of_the_same_pool) {
  for (const overflow way : {overflow::wait, overflow::reject, overflow::run_here, overflow::drop_oldest}) {
    worker_pool pool(bounded(1, 1, way));
    std::atomic<int> ran{0};
    gate begins;
    pool.submit([&] {
      begins.pass();
      for (int i = 0; i < 100; ++i) pool.submit([&] { ++ran; });
      EXPECT_EQ(pool.try_submit([&] { ++ran; }), submission::accepted);
      EXPECT_EQ(pool.submit_for(-1s, [&] { ++ran; }), submission::accepted);
      EXPECT_EQ(ran, 0);
    });
    begins.until_there_are(1);
    pool.submit([&] { ++ran; });  // now it is full
    begins.open();
    pool.wait_idle();
    EXPECT_EQ(ran, 103);
    EXPECT_EQ(pool.statistics().dropped + pool.statistics().rejected + pool.statistics().ran_here, 0u);
  }
}

TEST(worker_overflow, lets_tasks_wait_for_tasks_a_hundred_deep_on_one_worker_with_room_for_one) {
  worker_pool pool(bounded(1, 1));
  const std::function<int(int)> descend = [&](int depth) {
    return depth == 0 ? 0 : 1 + pool.submit_wait([&descend, depth] { return descend(depth - 1); });
  };
  EXPECT_EQ(pool.submit_wait([&] { return descend(100); }), 100);
  pool.wait_idle();
  expect_balance(pool.statistics());
}

// What runs on a worker of one pool as the guest of another is still on a worker of the first.
TEST(worker_overflow, never_blocks_a_worker_that_runs_a_task_of_another_full_pool) {
  worker_pool mine(bounded(1, 1)), other(bounded(1, 1, overflow::run_here));
  const busy_worker busy(other);
  other.submit([] {});
  std::atomic<int> ran{0};
  gate begins;
  mine.submit([&] {
    begins.pass();
    other.submit([&] {
      EXPECT_NE(mine.submit_for(1ms, [&] { ++ran; }), submission::timed_out);
      EXPECT_TRUE(mine.submit_result([&] { ++ran; }).wait_for(1s));
      EXPECT_THROW(mine.wait_idle(deadline_after(1ms)), std::logic_error);
    });
  });
  begins.until_there_are(1);
  mine.submit([&] { ++ran; });
  begins.open();
  mine.wait_idle();
  EXPECT_EQ(ran, 3);
}

// Who stops the pool next takes down what its tasks use.
TEST(worker_overflow, has_every_wait_wait_for_tasks_that_run_where_they_were_submitted) {
  worker_pool pool(bounded(1, 0, overflow::run_here));
  std::optional<busy_worker> busy(pool);
  gate here;
  std::thread submits([&] { pool.submit([&] { here.pass(); }); });
  here.until_there_are(1);
  busy.reset();
  until([&] { return pool.statistics().idle == 1; });
  const auto running = pool.running_tasks();
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(running[0].worker, cistern::running_task::no_worker);
  EXPECT_THAT(running[0].site.file, HasSubstr("worker_overflow_test.cpp"));
  EXPECT_FALSE(pool.wait_idle(deadline_after(1ms)));
  pool.pause();
  EXPECT_FALSE(pool.wait_paused(deadline_after(1ms)));
  pool.resume();
  const auto report = pool.stop(deadline_after(1ms));
  EXPECT_FALSE(report.ended);
  EXPECT_THAT(to_string(report), HasSubstr("another thread of tested runs a task submitted at "));
  here.open();
  EXPECT_TRUE(pool.stop().ended);
  submits.join();
  EXPECT_EQ(pool.statistics().ran_here, 1u);
  expect_balance(pool.statistics());
}

TEST(worker_overflow, lets_no_task_wait_for_itself_where_it_was_submitted) {
  worker_pool pool(bounded(1, 0, overflow::run_here));
  const busy_worker busy(pool);
  bool ran = false;
  pool.submit([&] {
    EXPECT_THROW(pool.wait_idle(), std::logic_error);
    EXPECT_THROW(pool.stop(), std::logic_error);
    ran = true;
  });
  EXPECT_TRUE(ran);
}

TEST(worker_overflow, hands_over_directly_where_nothing_may_wait) {
  worker_pool pool(bounded(2, 0, overflow::reject));
  std::optional<busy_worker> one(pool), two(pool);
  EXPECT_EQ(pool.try_submit([] {}), submission::full);
  try {
    pool.submit([] {});
    ADD_FAILURE() << "accepted";
  } catch (const submission_refused& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("has no worker free for the task, and a queue_bound of 0"));
  }
  one.reset();
  until([&] { return accepted(pool.try_submit([] {})); });
  two.reset();
  pool.wait_idle();
  EXPECT_EQ(pool.statistics().queued, 0u);
}

TEST(worker_overflow, waits_for_a_free_worker_where_nothing_may_wait) {
  worker_pool pool(bounded(1, 0));
  std::optional<busy_worker> busy(pool);
  std::atomic<bool> ran{false};
  std::thread submits([&] { pool.submit([&] { ran = true; }); });
  until([&] { return pool.statistics().waiting == 1; });
  EXPECT_EQ(pool.submit_for(1ms, [] {}), submission::timed_out);
  busy.reset();
  submits.join();
  pool.wait_idle();
  EXPECT_TRUE(ran);
}

TEST(worker_overflow, refuses_to_drop_the_oldest_where_nothing_waits) {
  worker_pool pool(bounded(1, 0));
  const busy_worker busy(pool);
  EXPECT_THROW(pool.submit({.when_full = overflow::drop_oldest}, [] {}), std::invalid_argument);
}

TEST(worker_overflow, waits_no_longer_than_the_task_may_be_started) {
  worker_pool pool(bounded(1, 1));
  std::atomic<int> sum{0};
  const busy_worker busy(pool);
  pool.submit([] {});
  parcel late(sum);
  EXPECT_EQ(why_refused([&] { pool.submit_before(deadline_after(1ms), std::move(late)); }), submission::timed_out);
  EXPECT_EQ(why_refused([&] {
              pool.submit({.when_full = overflow::run_here, .start_before = deadline_after(-1h)}, std::move(late));
            }),
            submission::timed_out);
  EXPECT_NE(late.content, nullptr);
  EXPECT_EQ(pool.statistics().rejected, 2u);
  EXPECT_EQ(pool.statistics().ran_here, 0u);
}

TEST(worker_overflow, is_not_reached_by_a_callable_that_cannot_be_copied) {
  struct unwilling {
    unwilling() = default;
    unwilling(const unwilling&) { throw std::runtime_error("not now"); }
    void operator()() const {}
  };
  const unwilling callable;
  worker_pool pool(bounded(1, 1, overflow::drop_oldest));
  const busy_worker busy(pool);
  pool.submit([] {});
  const auto before = pool.statistics();
  EXPECT_THROW(pool.submit(callable), std::runtime_error);
  EXPECT_THROW(static_cast<void>(pool.try_submit(callable)), std::runtime_error);
  EXPECT_THROW(static_cast<void>(pool.submit_result(callable)), std::runtime_error);
  EXPECT_THROW(pool.submit({.when_full = overflow::run_here}, callable), std::runtime_error);
  EXPECT_THROW(pool.submit({.start_before = deadline_after(1h)}, callable), std::runtime_error);
  const auto after = pool.statistics();
  EXPECT_EQ(after.submitted, before.submitted);
  EXPECT_EQ(after.dropped + after.ran_here + after.rejected, 0u);
  EXPECT_EQ(after.queued, 1u);
}

TEST(worker_overflow, has_the_same_room_after_everything_that_may_go_wrong) {
  worker_pool pool(bounded(1, 3, overflow::reject));
  struct unwilling {
    unwilling() = default;
    unwilling(const unwilling&) { throw std::runtime_error("not now"); }
    void operator()() const {}
  };
  const unwilling callable;
  const auto room = [&] {
    std::optional<busy_worker> busy(pool);
    int accepted_tasks = 0;
    while (accepted(pool.try_submit([] {}))) ++accepted_tasks;
    busy.reset();
    pool.wait_idle();
    return accepted_tasks;
  };
  EXPECT_EQ(room(), 3);
  EXPECT_THROW(pool.submit(callable), std::runtime_error);
  EXPECT_EQ(room(), 3);
  {
    const busy_worker busy(pool);
    auto cancelled = pool.submit_result([] {});
    EXPECT_TRUE(cancelled.cancel());
    pool.submit({.when_full = overflow::drop_oldest}, [] {});
  }
  pool.wait_idle();
  pool.stop();
  EXPECT_EQ(pool.try_submit([] {}), submission::stopped);
  pool.restart();
  EXPECT_EQ(room(), 3);
  {
    const busy_worker busy(pool);
    while (accepted(pool.try_submit([] {}))) {
    }
    EXPECT_FALSE(pool.stop_and_discard(deadline_after(1ms)).ended);
    EXPECT_EQ(pool.try_submit([] {}), submission::stopped);
  }
  EXPECT_TRUE(pool.stop_and_discard().ended);
  pool.restart();
  EXPECT_EQ(room(), 3);
  expect_balance(pool.statistics());
}

}  // namespace
