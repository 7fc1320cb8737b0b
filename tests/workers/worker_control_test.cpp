// SPDX-License-Identifier: MIT
//
// Pause, resize, idle workers, stop, restart.
#include "worker_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::deadline_after;
using cistern::overflow;
using cistern::submission;
using cistern::worker_observer;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;

// Pause.

TEST(worker_pause, starts_no_task_and_goes_on_accepting_them) {
  worker_pool pool(workers(2));
  std::atomic<int> ran{0};
  pool.pause();
  EXPECT_TRUE(pool.wait_paused());
  for (int i = 0; i < 100; ++i) pool.submit([&] { ++ran; });
  EXPECT_FALSE(pool.wait_idle(deadline_after(1ms)));
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(pool.statistics().paused);
  EXPECT_EQ(pool.statistics().queued, 100u);
  pool.resume();
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_EQ(ran, 100);
  EXPECT_FALSE(pool.statistics().paused);
}

TEST(worker_pause, lets_those_go_on_that_run) {
  worker_pool pool(workers(1));
  std::optional<busy_worker> busy(pool);
  pool.pause();
  EXPECT_FALSE(pool.wait_paused(deadline_after(1ms)));
  busy.reset();
  EXPECT_TRUE(pool.wait_paused());
}

TEST(worker_pause, is_one_pause_however_often_it_is_asked_for) {
  worker_pool pool(workers(1));
  pool.pause();
  pool.pause();
  pool.resume();
  pool.resume();
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
}

TEST(worker_pause, counts_tasks_that_wait_in_a_workers_own_deque_as_queued) {
  worker_pool pool(workers(1));
  std::atomic<bool> ran{false};
  gate paused;
  pool.submit([&] {
    pool.submit([&] { ran = true; });
    paused.pass();
  });
  paused.until_there_are(1);
  pool.pause();
  paused.open();
  EXPECT_TRUE(pool.wait_paused());
  EXPECT_FALSE(pool.wait_idle(deadline_after(1ms)));
  EXPECT_EQ(pool.statistics().nested, 1u);
  pool.resume();
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_TRUE(ran);
}

TEST(worker_pause, ends_with_a_stop) {
  for (const bool with_worker : {false, true}) {
    worker_pool pool(workers(1));
    std::atomic<int> ran{0};
    if (with_worker) pool.submit_wait([] {});
    pool.pause();
    for (int i = 0; i < 10; ++i) pool.submit([&] { ++ran; });
    EXPECT_TRUE(pool.stop().ended);
    EXPECT_EQ(ran, 10);
  }
}

// A tick has workers whose deque has grown give the memory back.
TEST(worker_pause, is_not_ended_by_a_tick) {
  worker_pool pool(workers(1));
  std::atomic<int> ran{0};
  pool.submit_wait([&] {
    for (int i = 0; i < 1000; ++i) pool.submit([] {});
  });
  pool.wait_idle();
  pool.pause();
  pool.wait_paused();
  for (int i = 0; i < 10; ++i) pool.submit([&] { ++ran; });
  for (int i = 0; i < 5; ++i) {
    cistern::ageing_clock::process().tick();
    pool.wait_paused();
    EXPECT_EQ(ran, 0);
  }
  pool.resume();
  pool.wait_idle();
  EXPECT_EQ(ran, 10);
}

TEST(worker_pause, loses_no_task_as_it_comes_and_goes) {
  worker_pool pool(workers(2));
  std::atomic<int> ran{0};
  std::atomic<bool> end{false};
  std::thread pauses([&] {
    while (!end) {
      pool.pause();
      pool.resume();
    }
  });
  for (int i = 0; i < 20'000; ++i) pool.submit([&] { ++ran; });
  end = true;
  pauses.join();
  pool.wait_idle();
  EXPECT_EQ(ran, 20'000);
}

// Size.

TEST(worker_size, follows_resize_under_load) {
  worker_pool pool(workers(1));
  std::atomic<std::uint64_t> ran{0}, submitted{0};
  std::atomic<bool> end{false};
  std::vector<std::thread> load;
  for (int i = 0; i < 2; ++i)
    load.emplace_back([&] {
      while (!end) {
        pool.submit([&] {
          ++ran;
          if (ran % 8 == 0) {
            ++submitted;
            pool.submit([&] { ++ran; });
          }
        });
        if (++submitted - ran > 1000) std::this_thread::yield();
      }
    });
  for (const std::size_t size : {64U, 1U, 32U, 2U, 64U, 3U, 1U}) {
    pool.resize(size, size);
    const auto limit = deadline_after(10s);
    until([&] { return pool.statistics().workers == size || cistern::sync::now() > limit; });
    EXPECT_EQ(pool.statistics().workers, size) << to_string(pool.statistics());
  }
  end = true;
  for (auto& each : load) each.join();
  pool.wait_idle();
  EXPECT_EQ(ran, submitted);
  EXPECT_EQ(pool.statistics().most_workers, 64u);
  expect_balance(pool.statistics());
}

TEST(worker_size, comes_back_up_while_workers_still_leave) {
  struct slow_end : worker_observer {
    gate ends;
    void worker_ended(std::size_t) noexcept override { ends.pass(); }
  } observer;
  worker_pool_options options = workers(3);
  options.spawn = 3;
  options.observer = &observer;
  worker_pool pool(options);
  pool.resize(0, 1);
  observer.ends.until_there_are(2);
  pool.resize(3, 3);
  observer.ends.open();
  const auto limit = deadline_after(10s);
  until([&] {
    cistern::ageing_clock::process().tick();
    return pool.statistics().idle == 3 || cistern::sync::now() > limit;  // those that leave do not sleep
  });
  EXPECT_EQ(pool.statistics().idle, 3u);
}

TEST(worker_size, hands_the_tasks_of_a_worker_that_leaves_to_the_others) {
  worker_pool pool(workers(2));
  std::atomic<int> ran{0};
  std::optional<busy_worker> other(pool);
  gate resized;
  pool.submit([&] {
    for (int i = 0; i < 10; ++i) pool.submit([&] { ++ran; });
    resized.pass();
  });
  resized.until_there_are(1);
  pool.resize(0, 1);
  resized.open();
  until([&] { return pool.statistics().workers == 1; });
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(pool.statistics().nested, 10u);
  other.reset();
  pool.wait_idle();
  EXPECT_EQ(ran, 10);
}

TEST(worker_size, refuses_wrong_numbers_as_the_constructor_does) {
  worker_pool pool(workers(1));
  EXPECT_THROW(pool.resize(3, 2), std::invalid_argument);
  EXPECT_THROW(pool.resize(0, worker_pool_options::most_workers + 1), std::invalid_argument);
  EXPECT_EQ(pool.statistics().max_workers, 1u);
}

TEST(worker_size, moves_the_room_of_direct_hand_over_with_it) {
  worker_pool pool(bounded(1, 0, overflow::reject));
  pool.resize(0, 3);
  {
    const busy_worker one(pool), two(pool), three(pool);
    EXPECT_EQ(pool.try_submit([] {}), submission::full);
    pool.resize(0, 1);
  }
  pool.wait_idle();
  const busy_worker one(pool);
  EXPECT_EQ(pool.try_submit([] {}), submission::full);
}

// A worker that leaves while it is the one that looks for work: what was submitted meanwhile is for those that sleep.
TEST(worker_size, wakes_another_when_the_one_that_looks_for_work_leaves) {
  struct slow_end : worker_observer {
    gate ends;
    std::atomic<int> ended{0};
    void worker_ended(std::size_t) noexcept override {
      if (ended++ == 0) ends.pass();
    }
  };
  int tried = 0;
  for (int turn = 0; turn < 20; ++turn) {
    slow_end observer;
    worker_pool_options options = workers(3);
    options.spawn = 3;
    options.spin = 1h;  // so that there is always one that looks
    options.observer = &observer;
    worker_pool pool(options);
    const busy_worker busy(pool);
    pool.submit_wait([] {});  // whoever runs this looks for more, and the third one sleeps
    const auto limit = deadline_after(1s);
    until([&] { return pool.statistics().idle == 1 || cistern::sync::now() > limit; });
    if (pool.statistics().idle != 1) continue;  // two have begun to look at once
    ++tried;
    pool.resize(0, 2);
    observer.ends.until_there_are(1);
    // The third one sleeps if it takes the one that leaves for one that looks.
    const auto soon = deadline_after(50ms);
    until([&] { return pool.statistics().idle == 1 || cistern::sync::now() > soon; });
    EXPECT_TRUE(pool.submit_result([] {}).wait_for(5s));
    observer.ends.open();
    if (HasFailure()) return;
  }
  EXPECT_GT(tried, 0);
}

// Idle workers.

TEST(worker_idleness, ends_those_above_the_minimum) {
  worker_pool_options options = workers(4);
  options.min_workers = 1;
  options.spawn = 4;
  options.idle_timeout = 1ms;
  worker_pool pool(options);
  until([&] { return pool.statistics().workers == 1; });
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
}

TEST(worker_idleness, ends_the_coldest_first_and_one_in_an_interval) {
  struct endings : worker_observer {
    std::mutex mutex;
    std::vector<std::pair<std::size_t, cistern::sync::clock::time_point>> seen;
    void worker_ended(std::size_t index) noexcept override {
      const std::scoped_lock lock(mutex);
      seen.emplace_back(index, cistern::sync::now());
    }
  } observer;
  worker_pool_options options = workers(3);
  options.idle_timeout = 50ms;
  options.observer = &observer;
  worker_pool pool(options);
  std::vector<std::size_t> asleep;  // in the order of going to sleep
  std::array<gate, 3> ends;
  for (gate& each : ends) {
    pool.submit([&] {
      each.pass();
      asleep.push_back(*cistern::this_worker::index());
    });
    each.until_there_are(1);
  }
  const std::uint64_t parks = pool.statistics().parks;
  for (std::uint64_t i = 0; i < 3; ++i) {
    ends[i].open();
    until([&] { return pool.statistics().parks > parks + i; });
    std::this_thread::sleep_for(5ms);  // so that their times are over in this order
  }
  until([&] { return pool.statistics().workers == 0; });
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(observer.seen[i].first, asleep[i]);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_GE(observer.seen[i].second - observer.seen[i - 1].second, 40ms);
}

TEST(worker_idleness, leaves_the_minimum_also_when_ends_are_slow) {
  struct slow_end : worker_observer {
    gate ends;
    std::atomic<int> ended{0};
    void worker_ended(std::size_t) noexcept override {
      ++ended;
      ends.pass();
    }
  } observer;
  worker_pool_options options = workers(3);
  options.min_workers = 2;
  options.spawn = 3;
  options.idle_timeout = 1ms;
  options.observer = &observer;
  worker_pool pool(options);
  observer.ends.until_there_are(1);
  for (int i = 0; i < 5; ++i) {  // of the others' timeouts
    const std::uint64_t parks = pool.statistics().parks;
    pool.submit_wait([] {});
    pool.submit_wait([] {});
    until([&] { return pool.statistics().parks > parks; });
    std::this_thread::sleep_for(3ms);
  }
  EXPECT_EQ(observer.ended, 1);
  observer.ends.open();
}

}  // namespace
