// SPDX-License-Identifier: MIT
//
// Threads that the system does not give.
#include "worker_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory_resource>
#include <optional>
#include <system_error>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

namespace {

using namespace std::chrono_literals;
using cistern::ageing_clock;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::detail::crew;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
using testing::HasSubstr;

// Starts the first so many threads, and then no more; those wait at a gate before they fail, if there is one.
class worker_starts : public testing::Test {
 protected:
  worker_starts() : before_(crew::make_thread.exchange(make)) {
    cistern::background_reclaimer::disable();  // ticks are the tests' own
  }
  ~worker_starts() override {
    cistern::background_reclaimer::enable();
    crew::make_thread = before_;
    fails_at = nullptr;
  }
  static void allow(int threads) { allowed = threads; }

  static inline std::atomic<int> allowed{0};
  static inline std::atomic<gate*> fails_at{nullptr};

 private:
  static int make(pthread_t* made, void* (*run)(void*), void* argument) {
    if (allowed.fetch_sub(1) > 0) return pthread_create(made, nullptr, run, argument);
    if (gate* const held = fails_at) held->pass();
    return EAGAIN;
  }
  const crew::thread_maker before_;
};

TEST_F(worker_starts, fail_the_constructor_when_the_first_one_fails_and_leave_nothing_behind) {
  cistern::statistics_resource memory(std::pmr::new_delete_resource());
  worker_pool_options options = workers(4);
  options.upstream = &memory;
  options.spawn = 2;
  allow(0);
  try {
    const worker_pool pool(options);
    ADD_FAILURE() << "constructed";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
    EXPECT_THAT(error.what(), HasSubstr("no thread could be started"));
  }
  EXPECT_EQ(memory.snapshot().live_blocks, 0u);
  ageing_clock::process().tick();  // which does not know it any more
}

TEST_F(worker_starts, leave_a_pool_with_fewer_workers_when_a_later_one_fails_and_are_counted) {
  for (int given = 1; given < 4; ++given) {
    allow(given);
    worker_pool_options options = workers(4);
    options.spawn = 4;
    worker_pool pool(options);
    EXPECT_EQ(pool.statistics().workers, static_cast<std::size_t>(given));
    EXPECT_EQ(pool.statistics().failed_starts, 1u);
    std::atomic<int> ran{0};
    for (int i = 0; i < 1000; ++i) pool.submit([&] { ++ran; });
    pool.wait_idle();
    EXPECT_EQ(ran, 1000);
    EXPECT_LE(pool.statistics().workers, static_cast<std::size_t>(given));
  }
}

TEST_F(worker_starts, are_tried_again_at_the_next_tick) {
  allow(1);
  worker_pool_options options = workers(2);
  options.spawn = 2;
  worker_pool pool(options);
  std::optional<busy_worker> busy(pool);
  std::atomic<bool> ran{false};
  pool.submit([&] { ran = true; });
  EXPECT_EQ(pool.statistics().workers, 1u);
  const auto failed = pool.statistics().failed_starts;
  pool.submit([] {});
  EXPECT_EQ(pool.statistics().failed_starts, failed);  // not at each submission
  allow(1);
  ageing_clock::process().tick();
  until([&] { return ran.load(); });
  EXPECT_EQ(pool.statistics().workers, 2u);
}

TEST_F(worker_starts, do_not_lose_a_task_when_there_is_no_other_worker) {
  allow(0);
  worker_pool pool(workers(2));
  std::atomic<bool> ran{false};
  pool.submit([&] { ran = true; });
  EXPECT_EQ(pool.statistics().queued, 1u);
  EXPECT_EQ(pool.statistics().failed_starts, 1u);
  allow(1);
  ageing_clock::process().tick();
  until([&] { return ran.load(); });
}

TEST_F(worker_starts, fill_the_minimum_at_the_next_tick) {
  allow(1);
  worker_pool_options options = workers(3);
  options.min_workers = 3;
  worker_pool pool(options);
  EXPECT_EQ(pool.statistics().workers, 1u);
  allow(2);
  ageing_clock::process().tick();
  EXPECT_EQ(pool.statistics().workers, 3u);
}

// A thread that is being started counts as one that looks for work, so nobody else is woken meanwhile.
TEST_F(worker_starts, wake_another_worker_when_they_fail) {
  allow(1);
  gate fails;
  fails_at = &fails;
  worker_pool pool(workers(3));
  std::optional<busy_worker> busy(std::in_place, pool);
  std::thread starts([&] { pool.submit([] {}); });
  fails.until_there_are(1);
  busy.reset();
  until([&] { return pool.statistics().idle == 1; });
  auto lies = pool.submit_result([] {});
  fails.open();
  starts.join();
  EXPECT_TRUE(lies.wait_for(5s));
}

// A thread that ends has still to run its thread_local destructors, and they may take their time, or may want a lock
// that the submitting thread holds.
TEST_F(worker_starts, do_not_wait_for_the_one_before_to_be_gone) {
  allow(2);
  static gate* at_end;
  gate ends;
  at_end = &ends;
  struct slow_to_go {
    bool is_used = false;
    ~slow_to_go() {
      if (is_used) at_end->pass();
    }
  };
  worker_pool_options options = workers(1);
  options.idle_timeout = 1ms;
  worker_pool pool(options);
  pool.submit([] {
    thread_local slow_to_go own;
    own.is_used = true;
  });
  ends.until_there_are(1);
  until([&] { return pool.statistics().workers == 0; });
  EXPECT_EQ(pool.submit_result([] { return 5; }).get(), 5);
  ends.open();
  pool.stop();
  expect_balance(pool.statistics());
}

TEST_F(worker_starts, let_a_stop_run_what_is_queued_or_discard_it) {
  allow(0);
  std::atomic<int> ran{0};
  worker_pool pool(workers(2));
  for (int i = 0; i < 10; ++i) pool.submit([&] { ++ran; });
  allow(1);
  EXPECT_EQ(pool.stop().discarded, 0u);
  EXPECT_EQ(ran, 10);
  pool.restart();
  allow(0);
  for (int i = 0; i < 10; ++i) pool.submit([&] { ++ran; });
  const auto report = pool.stop();  // there is nobody to run them, and it does not wait for ever
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.discarded, 10u);
  EXPECT_EQ(ran, 10);
  expect_balance(pool.statistics());
}

}  // namespace
