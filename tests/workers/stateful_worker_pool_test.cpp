// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/stateful_worker_pool.hpp>
#include <cistern/workers/this_worker.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using cistern::process_error;
using cistern::process_failed;
using cistern::processed;
using cistern::stateful_worker_pool;
using cistern::stateful_worker_pool_options;
using cistern::sync;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using testing::HasSubstr;

stateful_worker_pool_options with(std::size_t workers) { return {.name = "tested", .workers = workers, .spin = 0ns}; }

sync::clock::time_point past() { return sync::now() - 1s; }

/// Notes whether it is used by another thread than the one that made it.
struct at_home {
  struct counts {
    std::atomic<int> made{0}, terminated{0}, gone{0}, strangers{0};
  };
  explicit at_home(counts& in) : all(in) { ++all.made; }
  at_home(const at_home&) = delete;
  ~at_home() {
    look();
    ++all.gone;
  }

  std::thread::id process(std::latch& meeting) {
    look();
    meeting.arrive_and_wait();
    return home;
  }
  void ready() { look(); }
  void terminate() {
    look();
    ++all.terminated;
  }
  void look() const {
    if (std::this_thread::get_id() != home) ++all.strangers;
  }

  counts& all;
  const std::thread::id home = std::this_thread::get_id();
};

/// Calls the function that it is given.
struct caller {
  template <class F>
  decltype(auto) process(F&& call) {
    return std::forward<F>(call)();
  }
};

/// Runs until it is interrupted; what it is given is passed as it begins.
struct patient {
  int process(gate* begins) {
    interrupted = false;
    if (begins != nullptr) begins->pass();
    until([this] { return interrupted.load(); });
    return 1;
  }
  int process(int at_once) { return at_once; }
  void interrupt() {
    interrupted_by = std::this_thread::get_id();
    interrupted = true;
  }

  std::atomic<bool> interrupted{false};
  static inline std::atomic<std::thread::id> interrupted_by{};
};

/// Keeps one worker of a pool of callers busy while it lives.
class busy_call {
 public:
  explicit busy_call(stateful_worker_pool<caller>& pool)
      : thread_([&pool, this] { pool.process([this] { gate_.pass(); }); }) {
    gate_.until_there_are(1);
  }
  ~busy_call() { end(); }
  void end() {
    gate_.open();
    if (thread_.joinable()) thread_.join();
  }

 private:
  gate gate_;
  std::thread thread_;
};

TEST(stateful_worker_pool, makes_uses_and_ends_each_state_on_one_thread) {
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

TEST(stateful_worker_pool, cannot_be_made_when_one_of_the_first_states_cannot) {
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
  begins.until_there_are(1);
  stop.request_stop();
  EXPECT_EQ(patient::interrupted_by.load(), std::this_thread::get_id());
  calls.join();
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

TEST(stateful_worker_pool, waits_until_a_state_is_ready_and_gives_calls_to_others_meanwhile) {
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

TEST(stateful_worker_pool, becomes_larger_and_smaller) {
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

TEST(stateful_worker_pool, tries_again_to_make_a_later_state_while_others_take_the_calls) {
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

TEST(stateful_worker_pool, becomes_smaller_and_stops_while_a_state_cannot_be_made) {
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

TEST(stateful_worker_pool, does_what_waits_before_it_stops) {
  stateful_worker_pool<caller> pool(with(1));
  busy_call busy(pool);
  std::thread waits([&] { EXPECT_EQ(pool.process([] { return 2; }), 2); });
  until([&] { return pool.statistics().workers.queued == 1; });  // and not only about to be
  const auto report = pool.stop(past());
  EXPECT_FALSE(report.ended);
  ASSERT_EQ(report.running.size(), 1u);
  EXPECT_THAT(report.running[0].site.file, HasSubstr("stateful_worker_pool_test.cpp"));
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

TEST(stateful_worker_pool, discards_what_waits_and_interrupts_what_runs) {
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

TEST(stateful_worker_pool, stops_and_discards_while_many_call) {
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

TEST(stateful_worker_pool, says_in_the_child_of_a_fork_that_it_is_stopped) {
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

TEST(stateful_worker_pool, does_each_call_at_most_once_while_it_is_resized) {
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

TEST(stateful_worker_pool, can_say_its_numbers) {
  stateful_worker_pool<caller> pool(with(1));
  pool.process([] {});
  EXPECT_THAT(to_string(pool.statistics()), HasSubstr("stateful_worker_pool tested: states 1"));
  EXPECT_THAT(to_string(pool.statistics()), HasSubstr("completed 1"));
  EXPECT_EQ(pool.name(), "tested");
}

// The pool beneath.

TEST(worker_observer, may_take_its_time_as_a_worker_starts_while_others_are_woken) {
  struct slow : cistern::worker_observer {
    gate second;
    void worker_started(std::size_t index) noexcept override {
      if (index == 1) second.pass();
    }
  } observer;
  cistern::worker_pool_options options = cistern::worker_tests::workers(2);
  options.spawn = 1;
  options.observer = &observer;
  cistern::worker_pool pool(options);
  {
    const cistern::worker_tests::busy_worker busy(pool);
    pool.submit([] {});  // starts the second one
    observer.second.until_there_are(1);
  }
  until([&] { return pool.statistics().idle == 1; });
  for (int i = 0; i < 10; ++i) pool.submit_wait([] {});
  observer.second.open();
}

}  // namespace
