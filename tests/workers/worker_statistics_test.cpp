// SPDX-License-Identifier: MIT
//
// Numbers, histograms, failures, and what goes back after a burst.
#include "worker_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::ageing_clock;
using cistern::overflow;
using cistern::source_site;
using cistern::time_counts;
using cistern::worker_observer;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_pool_statistics;
using cistern::detail::task_queue;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(worker_statistics, balance_whatever_became_of_the_tasks) {
  worker_pool_options options = bounded(1, 4);
  options.on_exception = [](const std::exception_ptr&, const source_site&) {};
  worker_pool pool(options);
  std::optional<busy_worker> busy(std::in_place, pool);
  pool.submit([] {});                                        // dropped
  pool.submit_before(cistern::sync::now() - 1ms, [] {});     // expires
  auto cancelled = pool.submit_result([] {});                // cancelled
  pool.submit([] { throw 1; });                              // fails
  pool.submit({.when_full = overflow::drop_oldest}, [] {});  // completes
  EXPECT_FALSE(accepted(pool.try_submit([] {})));            // rejected
  EXPECT_FALSE(accepted(pool.submit_for(1ms, [] {})));       // timed out
  pool.submit({.when_full = overflow::run_here}, [] {});     // here
  EXPECT_TRUE(cancelled.cancel());
  worker_pool_statistics now = pool.statistics();
  EXPECT_EQ(now.running, 1u);
  EXPECT_EQ(now.queued, 4u);
  expect_balance(now);
  busy.reset();
  pool.wait_idle();
  pool.pause();
  pool.submit([] {});  // discarded
  pool.stop_and_discard();
  now = pool.statistics();
  EXPECT_EQ(now.submitted, 7u);
  EXPECT_EQ(now.started, 5u);
  EXPECT_EQ(now.completed, 2u);
  EXPECT_EQ(now.failed, 1u);
  EXPECT_EQ(now.cancelled, 1u);
  EXPECT_EQ(now.expired, 1u);
  EXPECT_EQ(now.dropped, 1u);
  EXPECT_EQ(now.discarded, 1u);
  EXPECT_EQ(now.rejected, 2u);
  EXPECT_EQ(now.timed_out, 1u);
  EXPECT_EQ(now.ran_here, 1u);
  EXPECT_EQ(now.queue_high_water, 4u);
  EXPECT_EQ(now.running + now.queued + now.nested + now.waiting, 0u);
  EXPECT_TRUE(now.stopped);
  expect_balance(now);
}

TEST(worker_statistics, count_workers_that_sleep_wake_and_steal) {
  worker_pool pool(workers(2));
  EXPECT_EQ(pool.statistics().workers, 0u);
  pool.submit_wait([] {});
  until([&] { return pool.statistics().idle == 1; });
  const worker_pool_statistics first = pool.statistics();
  EXPECT_EQ(first.workers, 1u);
  EXPECT_EQ(first.wakes, 1u);
  EXPECT_EQ(first.parks, 1u);
  gate stolen;
  pool.submit_wait([&] {
    pool.submit([&] { stolen.pass(); });
    stolen.until_there_are(1);  // so another one has it
    EXPECT_EQ(pool.statistics().running, 2u);
    stolen.open();
  });
  pool.wait_idle();
  EXPECT_EQ(pool.statistics().steals, 1u);
  EXPECT_EQ(pool.statistics().most_workers, 2u);
  EXPECT_EQ(pool.statistics().running, 0u);
}

TEST(worker_statistics, count_what_waits_in_workers_own_deques) {
  worker_pool pool(workers(1));
  pool.submit_wait([&] {
    for (int i = 0; i < 5; ++i) pool.submit([] {});
    EXPECT_EQ(pool.statistics().nested, 5u);
    EXPECT_EQ(pool.statistics().queued, 0u);
  });
  pool.wait_idle();
  EXPECT_EQ(pool.statistics().nested, 0u);
}

TEST(worker_statistics, tell_which_tasks_run_and_for_how_long_at_least) {
  worker_pool pool(workers(2));
  EXPECT_TRUE(pool.running_tasks().empty());
  const busy_worker busy(pool);
  auto running = pool.running_tasks();
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(running[0].worker, 0u);
  EXPECT_THAT(running[0].site.file, EndsWith("worker_things.hpp"));
  EXPECT_NE(running[0].site.line, 0u);
  std::this_thread::sleep_for(2ms);
  EXPECT_GE(pool.running_tasks().at(0).age, 2ms);
}

TEST(worker_statistics, do_not_take_the_age_of_one_task_for_that_of_the_next) {
  worker_pool pool(workers(1));
  {
    const busy_worker busy(pool);
    ageing_clock::process().tick();
    std::this_thread::sleep_for(20ms);
  }
  const busy_worker next(pool);
  EXPECT_LT(pool.running_tasks().at(0).age, 20ms);
}

TEST(worker_statistics, keep_the_last_failures) {
  worker_pool_options options = workers(1);
  options.on_exception = [](const std::exception_ptr&, const source_site&) {};
  worker_pool pool(options);
  for (int i = 0; i < 10; ++i) pool.submit([i] { throw std::runtime_error("failure " + std::to_string(i)); });
  pool.submit([] { throw 5; });
  const unsigned line = __LINE__ - 1;
  pool.wait_idle();
  const worker_pool_statistics now = pool.statistics();
  EXPECT_EQ(now.failed, 11u);
  ASSERT_EQ(now.failures.size(), 8u);
  EXPECT_EQ(now.failures.front().what, "failure 3");
  EXPECT_EQ(now.failures.back().what, "not a std::exception");
  EXPECT_EQ(now.failures.back().site.line, line);
}

TEST(worker_statistics, read_no_clock_unless_they_measure_times) {
  for (const bool measures : {false, true}) {
    worker_pool_options options = workers(1);
    options.measure_times = measures;
    worker_pool pool(options);
    {
      const busy_worker busy(pool);
      for (int i = 0; i < 99; ++i) pool.submit([] {});
      std::this_thread::sleep_for(1ms);
    }
    pool.wait_idle();
    const worker_pool_statistics now = pool.statistics();
    EXPECT_EQ(now.waited.total(), measures ? 100u : 0u);
    EXPECT_EQ(now.ran.total(), measures ? 100u : 0u);
    if (measures) {
      EXPECT_GE(now.waited.quantile(0.5), 1ms);
      EXPECT_GE(now.ran.quantile(1), 1ms);
    }
  }
}

TEST(time_counts, have_the_quantile_at_the_next_power_of_two) {
  cistern::detail::time_histogram histogram;
  EXPECT_EQ(histogram.get().quantile(0.5), 0ns);
  for (int i = 0; i < 99; ++i) histogram.add(1000ns);
  histogram.add(1h);
  histogram.add(-1h);
  const time_counts counts = histogram.get();
  EXPECT_EQ(counts.total(), 101u);
  EXPECT_EQ(counts.quantile(0.5), 1024ns);
  EXPECT_EQ(counts.quantile(0), 1ns);
  EXPECT_GE(counts.quantile(1), 1h);
}

TEST(worker_statistics, take_no_more_memory_after_a_burst_and_three_ticks) {
  worker_pool pool(workers(1));
  pool.submit_wait([] {});
  EXPECT_EQ(pool.statistics().queue_bytes, task_queue::chunk_bytes());
  {
    const busy_worker busy(pool);
    for (int i = 0; i < 10'000; ++i) pool.submit([] {});
    EXPECT_GE(pool.statistics().queue_bytes, 9 * task_queue::chunk_bytes());
    EXPECT_GE(pool.statistics().queue_high_water, 9000u);
    for (int i = 0; i < 5; ++i) ageing_clock::process().tick();
    EXPECT_GE(pool.statistics().queue_bytes, 9 * task_queue::chunk_bytes());  // they are in use
  }
  pool.wait_idle();
  for (int i = 0; i < 3; ++i) ageing_clock::process().tick();
  EXPECT_EQ(pool.statistics().queue_bytes, task_queue::chunk_bytes());
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
}

// Texts.

TEST(worker_statistics, are_words) {
  worker_pool_options options = workers(1, "words");
  options.measure_times = true;
  options.on_exception = [](const std::exception_ptr&, const source_site&) {};
  worker_pool pool(options);
  EXPECT_THAT(to_string(pool.statistics()),
              AllOf(HasSubstr("worker_pool \"words\": workers 0 running 0"), HasSubstr(" max_workers 1 "),
                    HasSubstr(" submitted 0 "), Not(HasSubstr("waited")), Not(HasSubstr("threw"))));
  pool.submit([] { throw std::runtime_error("out of words"); });
  pool.wait_idle();
  EXPECT_THAT(to_string(pool.statistics()),
              AllOf(HasSubstr(" submitted 1 started 1 completed 0 failed 1 "),
                    HasSubstr("\n  waited: half of the tasks less than "),
                    HasSubstr("\n  ran: half of the tasks less than "), HasSubstr("\n  a task submitted at "),
                    HasSubstr("worker_statistics_test.cpp:"), EndsWith(" threw: out of words")));
}

TEST(worker_statistics, are_prometheus_text) {
  worker_pool_options options = workers(1, "a \"pool\"");
  options.measure_times = true;
  worker_pool pool(options);
  EXPECT_THAT(to_prometheus(pool.statistics()), Not(HasSubstr("histogram")));
  for (int i = 0; i < 3; ++i) pool.submit([] {});
  pool.wait_idle();
  const std::string text = to_prometheus(pool.statistics());
  EXPECT_THAT(text, AllOf(HasSubstr("# HELP cistern_worker_pool_workers threads\n"
                                    "# TYPE cistern_worker_pool_workers gauge\n"
                                    "cistern_worker_pool_workers{pool=\"a \\\"pool\\\"\"} 1\n"),
                          HasSubstr("# TYPE cistern_worker_pool_submitted_total counter\n"
                                    "cistern_worker_pool_submitted_total{pool=\"a \\\"pool\\\"\"} 3\n"),
                          HasSubstr("# TYPE cistern_worker_pool_run_seconds histogram\n"),
                          HasSubstr("_run_seconds_bucket{pool=\"a \\\"pool\\\"\",le=\"2.56e-07\"} "),
                          HasSubstr("_run_seconds_bucket{pool=\"a \\\"pool\\\"\",le=\"+Inf\"} 3\n"),
                          EndsWith("cistern_worker_pool_run_seconds_count{pool=\"a \\\"pool\\\"\"} 3\n")));
}

TEST(worker_statistics, have_reports_of_stops_in_words) {
  EXPECT_EQ(to_string(cistern::stop_report{.ended = true, .discarded = 0, .running = {}}), "all workers have ended");
  EXPECT_EQ(to_string(cistern::stop_report{
                .ended = false, .discarded = 3, .running = {{.worker = 1, .site = {"a.cpp", 7, ""}, .age = 1500ms}}}),
            "not all workers have ended, tasks discarded: 3\n"
            "  worker 1 runs a task submitted at a.cpp:7, for 1.5 s at least");
  EXPECT_THAT(to_string(cistern::stop_report{
                  .ended = false, .discarded = 0, .running = {{.worker = 0, .site = {}, .age = 0ns}}}),
              HasSubstr("submitted at an unknown place, for 0 ns at least"));
}

TEST(worker_statistics, with_times_keep_each_capture_whole_and_destroy_it_once) {
  worker_pool_options options = workers(1);
  options.measure_times = true;
  const auto held = std::make_shared<int>(1);
  std::atomic<int> sum{0};
  {
    worker_pool pool(options);
    pool.submit([held, &sum] { sum += *held; });  // beside its time
    pool.submit([held, &sum, more = std::array<int, 6>{1, 2, 3, 4, 5, 6}] { sum += *held + more[5]; });  // not
    pool.submit([held, &sum, more = std::array<int, 60>{7}] { sum += *held + more[0]; });
    EXPECT_EQ(pool.submit_wait([held] { return *held; }), 1);
    EXPECT_EQ(sum, 1 + 7 + 8);
    EXPECT_EQ(pool.statistics().waited.total(), 4u);
    pool.pause();
    pool.submit([held] {});
    EXPECT_EQ(pool.stop_and_discard().discarded, 1u);
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
