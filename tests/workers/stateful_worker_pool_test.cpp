// SPDX-License-Identifier: MIT
//
// Calls: what they give, and how they are given up.
#include "stateful_things.hpp"
#include <cistern/workers/stateful_worker_pool.hpp>
#include <cistern/workers/this_worker.hpp>

#include <atomic>
#include <chrono>
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
using cistern::process_error;
using cistern::process_failed;
using cistern::processed;
using cistern::stateful_worker_pool;
using cistern::stateful_worker_pool_options;
using cistern::sync;
using cistern::worker_tests::busy_call;
using cistern::worker_tests::caller;
using cistern::worker_tests::gate;
using cistern::worker_tests::past;
using cistern::worker_tests::patient;
using cistern::worker_tests::until;
using cistern::worker_tests::with;
using testing::HasSubstr;

TEST(stateful_worker_pool, returns_what_process_returns_and_throws_what_it_throws) {
  stateful_worker_pool<caller> pool(with(1));
  EXPECT_EQ(pool.process([] { return std::string("a"); }), "a");
  EXPECT_EQ(*pool.process([] { return std::make_unique<int>(2); }), 2);
  bool ran = false;
  pool.process([&] { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_THROW(pool.process([]() -> int { throw std::out_of_range("no"); }), std::out_of_range);
  EXPECT_THROW(static_cast<void>(pool.process_for(1h, []() -> int { throw std::out_of_range("no"); })),
               std::out_of_range);
  EXPECT_EQ(pool.process_for(1h, [] { return 3; }).value(), 3);
  EXPECT_EQ(*pool.process_until(sync::now() + 1h, [] { return 4; }), 4);
  EXPECT_EQ(pool.process(std::stop_source().get_token(), [] { return 5; }).value(), 5);
  const processed<void> nothing = pool.process_for(1h, [] {});
  EXPECT_TRUE(nothing);
  nothing.value();
  const auto now = pool.statistics();
  EXPECT_EQ(now.completed, 7u);
  EXPECT_EQ(now.failed, 2u);
  EXPECT_EQ(now.waiting + now.processing, 0u);
}

TEST(stateful_worker_pool, gives_process_the_callers_own_object_unless_the_caller_may_leave) {
  struct appends {
    std::string process(std::string& text) { return text += "!"; }
    std::string process(std::string&& text) { return std::move(text) + "?"; }
  };
  stateful_worker_pool<appends> pool(with(1));
  std::string text = "a";
  EXPECT_EQ(pool.process(text), "a!");
  EXPECT_EQ(text, "a!");
  EXPECT_EQ(pool.process_for(1h, text).value(), "a!?");
  EXPECT_EQ(text, "a!");
  EXPECT_EQ(pool.process(std::move(text)), "a!?");
}

TEST(stateful_worker_pool, never_begins_a_call_that_was_given_up_while_it_waited) {
  stateful_worker_pool<caller> pool(with(1));
  busy_call busy(pool);
  std::atomic<int> begun{0};
  const auto held = std::make_shared<int>(0);
  const auto counts = [&begun, held] { ++begun; };
  EXPECT_EQ(pool.process_until(past(), counts).error(), process_error::timed_out);
  EXPECT_EQ(pool.process_for(1ms, counts).error(), process_error::timed_out);
  EXPECT_EQ(held.use_count(), 2);  // what it was given is gone, though its place in the queue is not
  std::stop_source stop;
  std::thread waits([&] { EXPECT_EQ(pool.process(stop.get_token(), counts).error(), process_error::cancelled); });
  until([&] { return pool.statistics().workers.queued == 3; });
  EXPECT_EQ(pool.queue_length(), 1u);
  stop.request_stop();
  waits.join();
  EXPECT_EQ(pool.queue_length(), 0u);
  EXPECT_EQ(pool.process(stop.get_token(), counts).error(), process_error::cancelled);
  busy.end();
  EXPECT_EQ(pool.process([] { return 1; }), 1);
  EXPECT_EQ(begun, 0);
  const auto now = pool.statistics();
  EXPECT_EQ(now.timed_out, 2u);
  EXPECT_EQ(now.cancelled, 2u);
  EXPECT_EQ(now.completed, 2u);
  EXPECT_EQ(now.workers.cancelled, 3u);  // the last one was not even submitted
}

TEST(stateful_worker_pool, interrupts_on_the_callers_thread_what_runs_at_its_deadline) {
  stateful_worker_pool<patient> pool(with(1));
  gate open;
  open.open();
  std::optional<processed<int>> got;
  do {  // it may be too late to begin at all
    got.emplace(pool.process_for(5ms, &open));
    EXPECT_EQ(got->error(), process_error::timed_out);
  } while (pool.statistics().interrupted == 0);
  EXPECT_EQ(patient::interrupted_by.load(), std::this_thread::get_id());
  EXPECT_EQ(pool.process(7), 7);
  EXPECT_THROW(got->value(), process_failed);
}

TEST(stateful_worker_pool, interrupts_what_runs_when_a_stop_is_requested) {
  stateful_worker_pool<patient> pool(with(1));
  std::stop_source stop;
  gate begins;
  begins.open();
  std::thread calls([&] { EXPECT_EQ(pool.process(stop.get_token(), &begins).error(), process_error::cancelled); });
  const std::thread::id caller = calls.get_id();
  begins.until_there_are(1);
  stop.request_stop();
  calls.join();
  // By whoever comes later: who requests it, or who has begun it and then looks for a request.
  EXPECT_THAT(patient::interrupted_by.load(), testing::AnyOf(std::this_thread::get_id(), caller));
  EXPECT_EQ(pool.process(7), 7);
  EXPECT_EQ(pool.statistics().interrupted, 1u);
  EXPECT_EQ(pool.statistics().completed, 2u);
}

TEST(stateful_worker_pool, lets_a_caller_leave_while_what_it_left_runs_on) {
  stateful_worker_pool<caller> pool(with(1));
  gate inside;
  std::stop_source stop;
  const auto held = std::make_shared<int>(0);
  std::thread calls([&] {
    const auto slow = [&inside, held] {
      inside.pass();
      return held;
    };
    EXPECT_EQ(pool.process(stop.get_token(), slow).error(), process_error::cancelled);
  });
  inside.until_there_are(1);
  stop.request_stop();
  calls.join();
  EXPECT_EQ(pool.statistics().processing, 1u);
  inside.open();
  pool.process([] {});
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(pool.statistics().completed, 2u);
}

/// Sees interrupts that are not for the call that runs, or come while none does.
struct wary {
  struct number {
    int of;
    std::atomic<bool>* left;
  };
  void process(number in) {
    is_left = in.left;
    for (int i = 0; i < 50 && !interrupted; ++i) std::this_thread::yield();
    is_left = nullptr;
    interrupted = false;
  }
  void interrupt() {
    const std::atomic<bool>* const left = is_left;
    if (left == &never) ++wrong;
    interrupted = true;
  }

  std::atomic<const std::atomic<bool>*> is_left{nullptr};
  std::atomic<bool> interrupted{false};
  static inline std::atomic<bool> never{false};
  static inline std::atomic<int> wrong{0};
};

TEST(stateful_worker_pool, never_interrupts_another_call) {
  stateful_worker_pool<wary> pool(with(2));
  std::vector<std::thread> callers;
  std::atomic<std::uint64_t> values{0}, timed_out{0}, cancelled{0};
  std::atomic<bool> may_be_left{true};
  constexpr int rounds = 2000;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        if (i == 0) {
          pool.process(wary::number{round, &wary::never});
          ++values;
          continue;
        }
        std::stop_source stop;
        std::jthread stops;
        if (i == 1 && round % 8 == 0) stops = std::jthread([&] { stop.request_stop(); });
        const auto got = pool.process_for(std::chrono::microseconds(5 + round % 40), wary::number{round, &may_be_left},
                                          stop.get_token());
        if (got)
          ++values;
        else
          ++(got.error() == process_error::timed_out ? timed_out : cancelled);
      }
    });
  for (std::thread& each : callers) each.join();
  EXPECT_TRUE(pool.stop().ended);
  EXPECT_EQ(wary::wrong, 0);
  EXPECT_EQ(values + timed_out + cancelled, 4u * rounds);
  const auto now = pool.statistics();
  EXPECT_EQ(now.timed_out, timed_out);
  EXPECT_EQ(now.cancelled, cancelled);
  EXPECT_GE(now.completed, values);
  EXPECT_EQ(now.completed + now.workers.cancelled, now.workers.submitted);
  EXPECT_EQ(now.waiting + now.processing, 0u);
  EXPECT_GT(now.interrupted, 0u);
}

TEST(stateful_worker_pool, refuses_calls_and_waits_of_its_own_workers) {
  stateful_worker_pool<caller> pool(with(2));
  EXPECT_THROW(pool.process([&] { return pool.process([] { return 1; }); }), std::logic_error);
  EXPECT_THROW(pool.process([&] { pool.stop(); }), std::logic_error);
  EXPECT_FALSE(pool.is_stopped());
  EXPECT_EQ(pool.process([] { return cistern::this_worker::index().has_value(); }), true);
  EXPECT_EQ(pool.queue_length(), 0u);
}

TEST(stateful_worker_pool, has_calls_wait_for_room_until_their_deadlines) {
  stateful_worker_pool_options options = with(1);
  options.queue_bound = 1;
  stateful_worker_pool<caller> pool(options);
  busy_call busy(pool);
  std::thread waits([&] { EXPECT_EQ(pool.process([] { return 1; }), 1); });
  until([&] { return pool.statistics().workers.queued == 1; });
  EXPECT_EQ(pool.process_until(past(), [] { return 2; }).error(), process_error::timed_out);
  std::stop_source stop;
  std::thread for_room(
      [&] { EXPECT_EQ(pool.process(stop.get_token(), [] { return 3; }).error(), process_error::cancelled); });
  until([&] { return pool.statistics().workers.waiting == 1; });
  stop.request_stop();
  for_room.join();
  busy.end();
  waits.join();
}

TEST(stateful_worker_pool, takes_calls_again_after_some_that_found_nobody_free) {
  stateful_worker_pool_options options = with(1);
  options.queue_bound = 0;  // nothing waits in the queue
  stateful_worker_pool<caller> pool(options);
  {
    busy_call busy(pool);
    EXPECT_EQ(pool.process_for(1ms, [] { return 2; }).error(), process_error::timed_out);
    EXPECT_EQ(pool.statistics().workers.queued, 0u);
  }
  EXPECT_EQ(pool.process([] { return 1; }), 1);
}

TEST(stateful_worker_pool, can_say_its_numbers) {
  stateful_worker_pool<caller> pool(with(1));
  pool.process([] {});
  EXPECT_THAT(to_string(pool.statistics()), HasSubstr("stateful_worker_pool tested: states 1"));
  EXPECT_THAT(to_string(pool.statistics()), HasSubstr("completed 1"));
  EXPECT_EQ(pool.name(), "tested");
}

}  // namespace
