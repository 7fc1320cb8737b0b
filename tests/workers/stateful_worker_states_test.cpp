// SPDX-License-Identifier: MIT
//
// States: how they are made and ended, also as the pool becomes larger and smaller, stops and forks.
#include "stateful_things.hpp"
#include <cistern/workers/stateful_worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using cistern::process_error;
using cistern::process_failed;
using cistern::stateful_worker_pool;
using cistern::stateful_worker_pool_options;
using cistern::worker_tests::at_home;
using cistern::worker_tests::busy_call;
using cistern::worker_tests::caller;
using cistern::worker_tests::gate;
using cistern::worker_tests::past;
using cistern::worker_tests::patient;
using cistern::worker_tests::until;
using cistern::worker_tests::with;
using testing::HasSubstr;

TEST(stateful_worker_states, makes_uses_and_ends_each_state_on_one_thread) {
  at_home::counts all;
  {
    stateful_worker_pool<at_home> pool([&] { return at_home(all); }, with(3));
    EXPECT_EQ(all.made, 3);
    EXPECT_EQ(pool.statistics().states, 3u);
    std::latch meeting(3);
    std::vector<std::thread> callers;
    std::array<std::thread::id, 3> homes;
    for (std::thread::id& each : homes) callers.emplace_back([&] { each = pool.process(meeting); });
    for (std::thread& each : callers) each.join();
    EXPECT_EQ((std::set<std::thread::id>(homes.begin(), homes.end()).size()), 3u);
    EXPECT_EQ(all.gone, 0);
  }
  EXPECT_EQ(all.terminated, 3);
  EXPECT_EQ(all.gone, 3);
  EXPECT_EQ(all.strangers, 0);
}

TEST(stateful_worker_states, cannot_be_made_when_one_of_the_first_states_cannot) {
  at_home::counts all;
  std::atomic<int> calls{0};
  const auto make = [&] {
    if (++calls == 2) throw std::domain_error("the second one");
    return at_home(all);
  };
  EXPECT_THROW(stateful_worker_pool<at_home>(make, with(3)), std::domain_error);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(all.made, 2);
  EXPECT_EQ(all.terminated, 2);
  EXPECT_EQ(all.gone, 2);
  EXPECT_EQ(all.strangers, 0);
}

/// Is not ready while its gate is closed.
struct seldom_ready {
  explicit seldom_ready(gate* first) : to_pass(first) {}
  std::thread::id process(gate* before_the_next) {
    to_pass = before_the_next;
    return std::this_thread::get_id();
  }
  void ready() {
    if (to_pass != nullptr) to_pass->pass();
  }

  gate* to_pass;
};

TEST(stateful_worker_states, waits_until_a_state_is_ready_and_gives_calls_to_others_meanwhile) {
  gate first, next;
  std::atomic<int> made{0};
  stateful_worker_pool<seldom_ready> pool([&] { return seldom_ready(made++ == 0 ? &first : nullptr); }, with(2));
  first.until_there_are(1);
  const std::thread::id ready = pool.process(nullptr);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pool.process(nullptr), ready);
  EXPECT_EQ(pool.process(&next), ready);  // the caller has its value before the state is ready again
  next.until_there_are(1);
  first.open();
  const std::thread::id other = pool.process(nullptr);
  EXPECT_NE(other, ready);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pool.process(nullptr), other);
  next.open();
}

TEST(stateful_worker_states, becomes_larger_and_smaller) {
  at_home::counts all;
  stateful_worker_pool<at_home> pool([&] { return at_home(all); }, with(1));
  pool.resize(3);
  std::latch three(3);
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) callers.emplace_back([&] { static_cast<void>(pool.process(three)); });
  for (std::thread& each : callers) each.join();
  EXPECT_EQ(pool.statistics().states, 3u);
  pool.resize(1);
  until([&] { return pool.statistics().states == 1; });
  EXPECT_EQ(all.gone, 2);
  EXPECT_EQ(all.terminated, 2);
  std::latch one(1);
  static_cast<void>(pool.process(one));
  EXPECT_EQ(all.strangers, 0);
  EXPECT_THROW(pool.resize(cistern::worker_pool_options::most_workers + 1), std::invalid_argument);
}

TEST(stateful_worker_states, tries_again_to_make_a_later_state_while_others_take_the_calls) {
  at_home::counts all;
  std::atomic<int> calls{0}, reported{0};
  std::atomic<bool> fails{false};
  stateful_worker_pool_options options = with(1);
  options.on_failed_state = [&](const std::exception_ptr& why) {
    EXPECT_THROW(std::rethrow_exception(why), std::domain_error);
    ++reported;
  };
  stateful_worker_pool<at_home> pool(
      [&] {
        ++calls;
        if (fails) throw std::domain_error("not yet");
        return at_home(all);
      },
      options);
  fails = true;
  pool.resize(2);
  until([&] { return reported >= 3; });
  for (int i = 0; i < 20; ++i) {
    std::latch one(1);
    static_cast<void>(pool.process(one));
  }
  EXPECT_EQ(pool.statistics().states, 1u);
  EXPECT_GE(pool.statistics().failed_states, 3u);
  fails = false;
  until([&] { return pool.statistics().states == 2; });
  std::latch two(2);
  std::thread calls_too([&] { static_cast<void>(pool.process(two)); });
  static_cast<void>(pool.process(two));
  calls_too.join();
  EXPECT_EQ(pool.statistics().failed_states, static_cast<unsigned>(reported));
  EXPECT_EQ(calls, reported + 2);
}

TEST(stateful_worker_states, becomes_smaller_and_stops_while_a_state_cannot_be_made) {
  std::atomic<bool> fails{false};
  stateful_worker_pool_options options = with(1);
  std::atomic<int> reported{0};
  options.on_failed_state = [&](const std::exception_ptr&) { ++reported; };
  const auto make = [&] {
    if (fails) throw std::domain_error("not yet");
    return caller();
  };
  stateful_worker_pool<caller> pool(make, options);
  fails = true;
  pool.resize(2);
  until([&] { return reported >= 1; });
  busy_call busy(pool);
  pool.resize(1);  // the busy one cannot be the one that leaves
  until([&] { return pool.statistics().workers.workers == 1; });
  EXPECT_EQ(pool.statistics().states, 1u);
  pool.resize(2);
  const int before = reported;
  until([&] { return reported > before; });
  // One call runs, one waits, and one worker has no state: the pool ends all the same, and the call is done.
  std::thread waits([&] { EXPECT_EQ(pool.process([] { return 2; }), 2); });
  until([&] { return pool.statistics().workers.queued == 1; });  // and not only about to be
  EXPECT_FALSE(pool.stop(past()).ended);
  busy.end();
  EXPECT_TRUE(pool.stop().ended);
  waits.join();
}

TEST(stateful_worker_states, does_what_waits_before_it_stops) {
  stateful_worker_pool<caller> pool(with(1));
  busy_call busy(pool);
  std::thread waits([&] { EXPECT_EQ(pool.process([] { return 2; }), 2); });
  until([&] { return pool.statistics().workers.queued == 1; });  // and not only about to be
  const auto report = pool.stop(past());
  EXPECT_FALSE(report.ended);
  ASSERT_EQ(report.running.size(), 1u);
  EXPECT_THAT(report.running[0].site.file, HasSubstr("stateful_things.hpp"));
  EXPECT_EQ(pool.process_for(1h, [] { return 3; }).error(), process_error::stopped);
  try {
    pool.process([] {});
    FAIL();
  } catch (const process_failed& failed) {
    EXPECT_EQ(failed.why(), process_error::stopped);
  }
  busy.end();
  waits.join();
  EXPECT_TRUE(pool.stop().ended);
  EXPECT_TRUE(pool.is_stopped());
  EXPECT_EQ(pool.statistics().stopped, 2u);
  EXPECT_EQ(pool.statistics().states, 0u);
}

TEST(stateful_worker_states, discards_what_waits_and_interrupts_what_runs) {
  stateful_worker_pool<patient> pool(with(1));
  gate begins;
  begins.open();
  std::thread runs([&] { EXPECT_EQ(pool.process(&begins), 1); });
  begins.until_there_are(1);
  std::thread waits([&] {
    try {
      static_cast<void>(pool.process(7));
      ADD_FAILURE();
    } catch (const process_failed& failed) {
      EXPECT_EQ(failed.why(), process_error::stopped);
    }
  });
  until([&] { return pool.statistics().workers.queued == 1; });  // and not only about to be
  EXPECT_TRUE(pool.stop_and_discard().ended);
  runs.join();
  waits.join();
  EXPECT_EQ(pool.queue_length(), 0u);
  EXPECT_EQ(pool.statistics().interrupted, 1u);
}

TEST(stateful_worker_states, stops_and_discards_while_many_call) {
  for (int round = 0; round < 50; ++round) {
    stateful_worker_pool<patient> pool(with(2));
    std::vector<std::thread> callers;
    std::atomic<std::uint64_t> values{0}, stopped{0};
    for (int i = 0; i < 4; ++i)
      callers.emplace_back([&] {
        for (;;) {
          const auto got = pool.process_for(1h, 7);
          if (!got) {
            EXPECT_EQ(got.error(), process_error::stopped);
            ++stopped;
            return;
          }
          ++values;
        }
      });
    until([&] { return values > 20; });
    EXPECT_TRUE(pool.stop_and_discard().ended);
    for (std::thread& each : callers) each.join();
    const auto now = pool.statistics();
    EXPECT_EQ(now.completed, values);
    EXPECT_EQ(now.stopped, stopped);
    EXPECT_EQ(now.waiting + now.processing, 0u);
  }
}

TEST(stateful_worker_states, says_in_the_child_of_a_fork_that_it_is_stopped) {
  if (CISTERN_TSAN) GTEST_SKIP() << "ThreadSanitizer has no threads in such a child, which the reclaimer may start";
  at_home::counts all;
  {
    auto pool = std::make_unique<stateful_worker_pool<at_home>>([&] { return at_home(all); }, with(2));
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      std::latch one(1);
      if (!pool->is_stopped()) _exit(1);
      if (pool->process_for(1h, std::ref(one)).error() != process_error::stopped) _exit(2);
      pool.reset();
      _exit(all.gone == 0 ? 0 : 3);  // what the parent's threads have made stays as it is
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    std::latch one(1);
    static_cast<void>(pool->process(one));
  }
  EXPECT_EQ(all.gone, 2);
}

TEST(stateful_worker_states, does_each_call_at_most_once_while_it_is_resized) {
  struct counts {
    void process(std::atomic<int>* of) { ++*of; }
  };
  stateful_worker_pool<counts> pool(with(2));
  constexpr int rounds = 3000;
  std::vector<std::thread> callers;
  std::atomic<bool> done{false};
  for (int i = 0; i < 3; ++i)
    callers.emplace_back([&, i] {
      std::vector<std::atomic<int>> done_of(rounds);
      std::vector<bool> with_value(rounds);
      for (std::size_t round = 0; round < rounds; ++round)
        with_value[round] =
            pool.process_for(i == 0 ? 1h : std::chrono::nanoseconds(round % 64 * 1000), &done_of[round]).has_value();
      until([&] { return pool.statistics().processing == 0; });
      for (std::size_t round = 0; round < rounds; ++round) {
        EXPECT_LE(done_of[round], 1);
        EXPECT_GE(done_of[round], with_value[round] ? 1 : 0);
      }
      if (i == 0) done = true;
    });
  for (std::size_t size = 1; !done; size = size % 4 + 1) pool.resize(size);
  for (std::thread& each : callers) each.join();
}

}  // namespace
