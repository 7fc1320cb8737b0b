// SPDX-License-Identifier: MIT
//
// The ways into a worker_pool. See worker_overflow_test.cpp for a full one.
#include "worker_things.hpp"
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::deadline_after;
using cistern::overflow;
using cistern::submission;
using cistern::task;
using cistern::worker_pool;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::parcel;
using cistern::worker_tests::until;
using cistern::worker_tests::why_refused;
using cistern::worker_tests::workers;
using testing::ElementsAre;

TEST(worker_submission, runs_each_task_once) {
  std::atomic<int> ran{0};
  {
    worker_pool pool(workers(2));
    for (int i = 0; i < 10'000; ++i) pool.submit([&] { ++ran; });
    pool.wait_idle();
    EXPECT_EQ(ran, 10'000);
    expect_balance(pool.statistics());
  }
  EXPECT_EQ(ran, 10'000);
}

TEST(worker_submission, goes_first_in_first_out_from_outside) {
  worker_pool pool(workers(1));
  std::vector<int> order;
  {
    const busy_worker busy(pool);
    for (int i = 0; i < 3; ++i) pool.submit([&order, i] { order.push_back(i); });
  }
  pool.wait_idle();
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

TEST(worker_submission, goes_last_in_first_out_from_inside) {
  worker_pool pool(workers(1));
  std::vector<int> order;
  pool.submit([&] {
    for (int i = 0; i < 3; ++i) pool.submit([&order, i] { order.push_back(i); });
  });
  pool.wait_idle();
  EXPECT_THAT(order, ElementsAre(2, 1, 0));
}

TEST(worker_submission, does_not_leave_the_shared_queue_waiting_for_tasks_that_go_on_submitting) {
  worker_pool pool(workers(1));
  std::atomic<bool> outside_ran{false};
  std::atomic<int> turns{0};
  const std::function<void()> again = [&] {
    ++turns;
    if (!outside_ran) pool.submit([&] { again(); });
  };
  pool.submit([&] { again(); });
  until([&] { return turns > 0; });
  pool.submit([&] { outside_ran = true; });
  pool.wait_idle();
  EXPECT_TRUE(outside_ran);
}

TEST(worker_submission, refuses_null_tasks_and_lives) {
  worker_pool pool(workers(1));
  void (*const no_function)() = nullptr;
  EXPECT_THROW(pool.submit(no_function), std::invalid_argument);
  EXPECT_THROW(pool.submit(std::function<void()>()), std::invalid_argument);
  EXPECT_THROW(pool.submit(task()), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(pool.try_submit(no_function)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(pool.submit_for(1s, no_function)), std::invalid_argument);
  EXPECT_THROW(pool.submit_before(deadline_after(1h), no_function), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(pool.submit_result(no_function)), std::invalid_argument);
  EXPECT_THROW(pool.submit_wait(std::function<int()>()), std::invalid_argument);
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
  EXPECT_EQ(pool.statistics().submitted, 1u);
}

TEST(worker_submission, takes_a_task_and_a_copy_of_an_lvalue) {
  worker_pool pool(workers(1));
  std::atomic<int> ran{0};
  pool.submit(task([&] { ++ran; }));
  const std::function<void()> callable = [&] { ++ran; };
  pool.submit(callable);
  pool.submit(callable);
  pool.wait_idle();
  EXPECT_EQ(ran, 3);
}

TEST(worker_submission, takes_a_capture_of_any_size) {
  worker_pool pool(workers(1));
  std::atomic<int> sum{0};
  const std::string text(1000, 'x');
  struct {
    char bytes[5000];
  } const large{};
  for (int i = 0; i < 100; ++i) {
    pool.submit([&sum, text] { sum += static_cast<int>(text.size()); });
    pool.submit([&sum, large] { sum += static_cast<int>(sizeof large.bytes) + large.bytes[0]; });
  }
  pool.wait_idle();
  EXPECT_EQ(sum, 600'000);
}

// Deadlines for the start, and stop tokens.

TEST(worker_submission, drops_what_was_not_started_before_its_deadline) {
  worker_pool pool(workers(1));
  std::atomic<int> late{0}, in_time{0};
  {
    const busy_worker busy(pool);
    pool.submit_before(deadline_after(-1ms), [&] { ++late; });
    pool.submit({.start_before = deadline_after(-1ms)}, [&] { ++late; });
    pool.submit_before(deadline_after(1h), [&] { ++in_time; });
  }
  pool.wait_idle();
  EXPECT_EQ(late, 0);
  EXPECT_EQ(in_time, 1);
  EXPECT_EQ(pool.statistics().expired, 2u);
  expect_balance(pool.statistics());
}

TEST(worker_submission, drops_a_queued_task_when_a_stop_was_requested) {
  worker_pool pool(workers(1));
  std::stop_source source;
  const auto witness = std::make_shared<int>(0);
  int ran = 0;
  {
    const busy_worker busy(pool);
    pool.submit({.stop = source.get_token()}, [&ran, witness] { ++ran; });
    source.request_stop();
  }
  pool.wait_idle();
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_EQ(pool.statistics().cancelled, 1u);
  expect_balance(pool.statistics());
}

TEST(worker_submission, ends_a_wait_for_room_when_a_stop_is_requested) {
  worker_pool pool(bounded(1, 1));
  const busy_worker busy(pool);
  pool.submit([] {});
  std::stop_source source;
  std::atomic<int> sum{0};
  parcel third(sum);
  std::thread submits([&] {
    EXPECT_EQ(why_refused([&] { pool.submit({.stop = source.get_token()}, std::move(third)); }), submission::cancelled);
  });
  until([&] { return pool.statistics().waiting == 1; });
  source.request_stop();
  submits.join();
  EXPECT_NE(third.content, nullptr);
  EXPECT_EQ(why_refused([&] { pool.submit({.stop = source.get_token()}, [] {}); }), submission::cancelled);
}

TEST(worker_submission, keeps_the_options_of_a_task_with_a_result) {
  worker_pool pool(workers(1));
  std::stop_source source;
  std::optional<busy_worker> busy(pool);
  auto late = pool.submit_result({.start_before = deadline_after(-1ms)}, [] { return 1; });
  auto cancelled = pool.submit_result({.stop = source.get_token()}, [] { return 2; });
  auto in_time = pool.submit_result({.start_before = deadline_after(1h), .stop = source.get_token()}, [] { return 3; });
  source.request_stop();
  auto plain = pool.submit_result({}, [] { return 4; });
  busy.reset();
  EXPECT_THROW(late.get(), cistern::task_cancelled);
  EXPECT_THROW(cancelled.get(), cistern::task_cancelled);
  EXPECT_THROW(in_time.get(), cistern::task_cancelled);
  EXPECT_EQ(plain.get(), 4);
  pool.wait_idle();
  EXPECT_EQ(pool.statistics().expired, 1u);
  EXPECT_EQ(pool.statistics().cancelled, 2u);
  expect_balance(pool.statistics());
}

// Bulk.

TEST(worker_submission, submits_in_bulk_from_outside_and_inside) {
  worker_pool pool(workers(2));
  std::atomic<std::size_t> sum{0};
  const auto make = [&](std::size_t i) { return [&sum, i] { sum += i; }; };
  EXPECT_EQ(pool.submit_bulk(100, make), 100u);
  pool.submit([&] { EXPECT_EQ(pool.submit_bulk(100, make), 100u); });
  pool.wait_idle();
  EXPECT_EQ(sum, 9900u);
}

TEST(worker_submission, says_how_many_of_a_bulk_were_accepted) {
  worker_pool pool(bounded(1, 5, overflow::reject));
  const busy_worker busy(pool);
  EXPECT_EQ(pool.submit_bulk(9, [](std::size_t) { return [] {}; }), 5u);
}

TEST(this_worker, names_the_pool_whose_task_it_runs) {
  worker_pool pool(bounded(1, 1, cistern::overflow::run_here));
  EXPECT_EQ(cistern::this_worker::pool(), nullptr);
  EXPECT_EQ(pool.submit_wait([] { return cistern::this_worker::pool(); }), &pool);
  const busy_worker busy(pool);
  pool.submit([] {});
  worker_pool* seen = nullptr;
  pool.submit([&] { seen = cistern::this_worker::pool(); });  // here
  EXPECT_EQ(seen, &pool);
}

}  // namespace
