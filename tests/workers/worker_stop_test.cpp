// SPDX-License-Identifier: MIT
//
// Stop and restart.
#include "worker_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::deadline_after;
using cistern::stop_report;
using cistern::submission;
using cistern::submission_refused;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
using testing::EndsWith;
using testing::HasSubstr;

TEST(worker_stop, runs_what_is_queued_and_what_that_submits) {
  worker_pool pool(workers(2));
  std::atomic<int> ran{0};
  {
    const busy_worker busy(pool);
    for (int i = 0; i < 100; ++i)
      pool.submit([&] {
        ++ran;
        pool.submit([&] { ++ran; });
      });
  }
  const stop_report report = pool.stop();
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.discarded, 0u);
  EXPECT_TRUE(report.running.empty());
  EXPECT_EQ(ran, 200);
  EXPECT_EQ(pool.statistics().workers, 0u);
  EXPECT_TRUE(pool.is_stopped());
  expect_balance(pool.statistics());
}

TEST(worker_stop, discards_what_is_queued_and_requests_a_stop_of_what_runs) {
  worker_pool pool(workers(1));
  gate begins;
  std::atomic<int> ran{0};
  pool.submit([&] {
    pool.submit([&] { ++ran; });  // nested ones go, too
    begins.pass();
    const std::stop_token stop = cistern::this_worker::stop_token();
    while (!stop.stop_requested()) std::this_thread::yield();
    EXPECT_EQ(pool.try_submit([&] { ++ran; }), submission::stopped);
  });
  begins.open();
  begins.until_there_are(1);
  auto queued = pool.submit_result([&] { ++ran; });
  for (int i = 0; i < 9; ++i) pool.submit([&] { ++ran; });
  const stop_report report = pool.stop_and_discard();
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.discarded, 11u);
  EXPECT_EQ(ran, 0);
  EXPECT_THROW(queued.get(), cistern::task_cancelled);
  EXPECT_EQ(pool.statistics().discarded, 11u);
  expect_balance(pool.statistics());
}

TEST(worker_stop, discards_what_is_queued_when_it_is_only_requested) {
  worker_pool pool(workers(1));
  gate held;
  pool.submit([&] {
    held.pass();
    pool.request_stop(true);
  });
  held.until_there_are(1);
  auto queued = pool.submit_result([] {});
  held.open();
  EXPECT_THROW(queued.get(), cistern::task_cancelled);  // though nobody calls stop()
  until([&] { return pool.statistics().workers == 0; });
  EXPECT_EQ(pool.statistics().discarded, 1u);
  pool.stop();
  expect_balance(pool.statistics());
}

TEST(worker_stop, discards_what_is_queued_when_it_is_requested_and_no_worker_is_left) {
  worker_pool pool(workers(1));
  pool.pause();
  auto queued = pool.submit_result([] {});
  pool.request_stop(true);
  EXPECT_THROW(queued.get(), cistern::task_cancelled);
  pool.stop();
  expect_balance(pool.statistics());
}

TEST(worker_stop, discards_all_that_a_pause_has_kept) {
  worker_pool pool(workers(2));
  std::atomic<int> ran{0};
  for (int round = 0; round < 200; ++round) {
    pool.submit_wait([] {});
    pool.wait_idle();
    pool.pause();
    for (int i = 0; i < 3; ++i) pool.submit([&] { ++ran; });
    pool.stop_and_discard();
    EXPECT_EQ(ran, 0);
    pool.restart();
  }
}

TEST(worker_stop, says_at_its_deadline_what_runs_since_when_and_goes_on_when_asked_again) {
  worker_pool pool(workers(2));
  std::optional<busy_worker> busy(std::in_place, pool);
  stop_report report = pool.stop(deadline_after(20ms));
  EXPECT_FALSE(report.ended);
  ASSERT_EQ(report.running.size(), 1u);
  EXPECT_THAT(report.running[0].site.file, EndsWith("worker_things.hpp"));
  EXPECT_GE(report.running[0].age, 15ms);
  EXPECT_THAT(to_string(report), HasSubstr("worker_things.hpp:"));
  EXPECT_EQ(pool.try_submit([] {}), submission::stopped);
  report = pool.stop(deadline_after(-1s));
  EXPECT_FALSE(report.ended);
  EXPECT_THROW(pool.restart(), std::logic_error);
  busy.reset();
  report = pool.stop();
  EXPECT_TRUE(report.ended);
  EXPECT_TRUE(report.running.empty());
}

TEST(worker_stop, says_in_each_report_what_it_has_discarded_so_far) {
  worker_pool pool(workers(1));
  gate ends;
  pool.submit([&] {
    for (int i = 0; i < 3; ++i) pool.submit([] {});
    ends.pass();
  });
  ends.until_there_are(1);
  pool.submit([] {});
  EXPECT_EQ(pool.stop_and_discard(deadline_after(-1s)).discarded, 1u);
  ends.open();
  until([&] { return pool.statistics().workers == 0; });
  EXPECT_EQ(pool.stop_and_discard().discarded, 4u);
}

TEST(worker_stop, may_be_asked_for_twice_and_after_a_drain_that_takes_too_long_discards) {
  worker_pool pool(workers(1));
  std::atomic<int> ran{0};
  std::optional<busy_worker> busy(std::in_place, pool);
  for (int i = 0; i < 5; ++i) pool.submit([&] { ++ran; });
  EXPECT_FALSE(pool.stop(deadline_after(1ms)).ended);
  EXPECT_EQ(pool.stop_and_discard(deadline_after(1ms)).discarded, 5u);
  busy.reset();
  EXPECT_TRUE(pool.stop().ended);
  EXPECT_TRUE(pool.stop().ended);
  EXPECT_EQ(ran, 0);
}

TEST(worker_stop, lets_those_know_that_wait_for_room) {
  worker_pool pool(bounded(1, 1));
  std::optional<busy_worker> busy(std::in_place, pool);
  pool.submit([] {});
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { EXPECT_EQ(pool.submit_for(1h, [] {}), submission::stopped); });
  until([&] { return pool.statistics().waiting == 3; });
  pool.request_stop();
  for (auto& each : waiters) each.join();
  EXPECT_EQ(pool.try_submit([] {}), submission::stopped);
  try {
    pool.submit([] {});
    ADD_FAILURE() << "accepted";
  } catch (const submission_refused& refused) {
    EXPECT_EQ(refused.why(), submission::stopped);
    EXPECT_THAT(refused.what(), HasSubstr("the worker_pool tested is stopped"));
  }
}

TEST(worker_stop, can_be_requested_by_a_task_but_not_waited_for) {
  worker_pool pool(workers(2));
  std::atomic<int> refused{0};
  const auto counts_logic_error = [&](const std::function<void()>& call) {
    try {
      call();
    } catch (const std::logic_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("a task of the worker_pool tested"));
      ++refused;
    }
  };
  pool.submit_wait([&] {
    counts_logic_error([&] { pool.stop(); });
    counts_logic_error([&] { pool.stop_and_discard(); });
    counts_logic_error([&] { pool.wait_idle(); });
    counts_logic_error([&] { pool.wait_paused(); });
    EXPECT_FALSE(pool.is_stopped());
    pool.request_stop();
  });
  EXPECT_EQ(refused, 4);
  EXPECT_TRUE(pool.is_stopped());
  EXPECT_TRUE(pool.stop().ended);
}

TEST(worker_stop, returns_when_the_threads_have_ended_and_not_before) {
  struct late {
    ~late() {
      std::this_thread::sleep_for(1ms);  // so that a stop that does not wait is before it
      ++*ended;
    }
    std::atomic<int>* ended;
  };
  std::atomic<int> ended{0};
  worker_pool pool(workers(3));
  {
    gate all;
    for (int i = 0; i < 3; ++i)
      pool.submit([&] {
        thread_local late mine{&ended};
        mine.ended = &ended;
        all.pass();
      });
    all.until_there_are(3);
    all.open();
    pool.wait_idle();
  }
  pool.stop();
  EXPECT_EQ(ended, 3);
}

// A worker that has retired is still in its thread_local destructors when the clock comes by.
TEST(worker_stop, waits_for_a_thread_that_the_clock_has_seen_end) {
  struct late {
    gate* ends;
    std::atomic<bool>* ended;
    ~late() {
      if (ends == nullptr) return;
      ends->pass();
      std::this_thread::sleep_for(20ms);
      *ended = true;
    }
  };
  gate ends;
  std::atomic<bool> ended{false};
  worker_pool_options options = workers(1);
  options.idle_timeout = 1ms;
  worker_pool pool(options);
  pool.submit([&] {
    thread_local late mine{nullptr, nullptr};
    mine.ends = &ends;
    mine.ended = &ended;
  });
  ends.until_there_are(1);
  std::thread ticks([] { cistern::ageing_clock::process().tick(); });
  std::this_thread::sleep_for(10ms);
  ends.open();
  EXPECT_TRUE(pool.stop().ended);
  EXPECT_TRUE(ended);
  ticks.join();
}

TEST(worker_stop, accepts_nothing_that_it_neither_runs_nor_discards) {
  for (int round = 0; round < 100; ++round) {
    worker_pool pool(workers(2));
    std::atomic<std::uint64_t> accepted_tasks{0}, ran{0};
    std::vector<std::thread> submitters;
    gate begin;
    for (int i = 0; i < 2; ++i)
      submitters.emplace_back([&] {
        begin.pass();
        for (int task = 0; task < 5000 && accepted(pool.try_submit([&] { ++ran; })); ++task) ++accepted_tasks;
      });
    begin.until_there_are(2);
    begin.open();
    for (int i = 0; i < round % 20; ++i) std::this_thread::yield();
    const stop_report report = round % 2 == 0 ? pool.stop() : pool.stop_and_discard();
    for (auto& each : submitters) each.join();
    EXPECT_EQ(accepted_tasks, ran + report.discarded);
    EXPECT_EQ(accepted_tasks, pool.statistics().submitted);
    expect_balance(pool.statistics());
  }
}

TEST(worker_stop, is_followed_by_a_restart) {
  worker_pool_options options = workers(2);
  options.min_workers = 1;
  worker_pool pool(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pool.submit_wait([] { return cistern::this_worker::stop_token().stop_requested(); }), false);
    pool.restart();  // of one that is not stopped: nothing
    EXPECT_TRUE(i % 2 == 0 ? pool.stop().ended : pool.stop_and_discard().ended);
    EXPECT_EQ(pool.try_submit([] {}), submission::stopped);
    pool.restart();
    EXPECT_FALSE(pool.is_stopped());
  }
}

TEST(worker_stop, comes_with_the_destructor_which_runs_what_is_queued) {
  std::atomic<int> ran{0};
  std::optional<cistern::result<int>> outlives;
  {
    worker_pool pool(workers(1));
    for (int i = 0; i < 1000; ++i) pool.submit([&] { ++ran; });
    outlives = pool.submit_result([] { return 3; });
  }
  EXPECT_EQ(ran, 1000);
  EXPECT_TRUE(outlives->ready());
  EXPECT_EQ(outlives->get(), 3);
}

}  // namespace
