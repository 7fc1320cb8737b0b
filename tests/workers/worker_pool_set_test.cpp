// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool_set.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::overflow;
using cistern::pool_choice;
using cistern::submission;
using cistern::sync;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_pool_set;
using cistern::worker_pool_set_options;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
using testing::ElementsAre;

worker_pool_set_options set_of(std::size_t pools, pool_choice choice = pool_choice::round_robin,
                               const worker_pool_options& each = workers(1)) {
  return {.name = "tested", .pools = pools, .choice = choice, .each = each};
}

std::vector<std::uint64_t> submitted(const worker_pool_set& set) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < set.size(); ++i) numbers.push_back(set[i].statistics().submitted);
  return numbers;
}

TEST(worker_pool_set, gives_each_pool_a_task_in_turn) {
  worker_pool_set set(set_of(3));
  std::atomic<int> ran{0};
  for (int i = 0; i < 7; ++i) set.submit([&] { ++ran; });
  EXPECT_TRUE(set.wait_idle());
  EXPECT_EQ(ran, 7);
  EXPECT_THAT(submitted(set), ElementsAre(3, 2, 2));
  EXPECT_EQ(set[2].name(), "tested.2");
  EXPECT_EQ(set.name(), "tested");
}

TEST(worker_pool_set, gives_a_task_to_the_pool_with_the_least_to_do) {
  worker_pool_set set(set_of(3, pool_choice::least_loaded));
  const busy_worker first(set[0]), second(set[1]);
  set[1].submit([] {});
  set[1].submit([] {});
  std::array<gate, 3> gates;
  set.submit([&] { gates[0].pass(); });  // the third one has nothing to do
  gates[0].until_there_are(1);
  EXPECT_THAT(submitted(set), ElementsAre(1, 3, 1));
  for (int i = 0; i < 2; ++i) set.submit([] {});  // the first and the third run one each
  EXPECT_THAT(submitted(set), ElementsAre(2, 3, 2));
  for (int i = 0; i < 3; ++i) set.submit([] {});  // now each has two, but for the second one's three; then all three
  EXPECT_EQ(submitted(set)[1] + submitted(set)[0] + submitted(set)[2], 10u);
  EXPECT_GE(submitted(set)[0], 3u);
  EXPECT_GE(submitted(set)[2], 3u);
  gates[0].open();
}

TEST(worker_pool_set, gives_equals_a_task_in_turn) {
  worker_pool_set set(set_of(3, pool_choice::least_loaded));
  set.pause();
  for (int i = 0; i < 6; ++i) set.submit([] {});
  EXPECT_THAT(submitted(set), ElementsAre(2, 2, 2));
  set.resume();
}

TEST(worker_pool_set, passes_over_pools_without_room) {
  for (const pool_choice choice : {pool_choice::round_robin, pool_choice::least_loaded}) {
    worker_pool_set set(set_of(3, choice, bounded(1, 1, overflow::reject)));
    set.pause();
    EXPECT_EQ(set[0].try_submit([] {}), submission::accepted);
    EXPECT_EQ(set[1].try_submit([] {}), submission::accepted);
    EXPECT_EQ(set.try_submit([] {}), submission::accepted);
    EXPECT_THAT(submitted(set), ElementsAre(1, 1, 1));
    EXPECT_EQ(set.try_submit([] {}), submission::full);
    EXPECT_THROW(set.submit([] {}), cistern::submission_refused);
    EXPECT_EQ(set.statistics().rejected, 2u);
    set.resume();
  }
}

TEST(worker_pool_set, passes_over_pools_that_are_stopped) {
  worker_pool_set set(set_of(2));
  EXPECT_TRUE(set[0].stop().ended);
  for (int i = 0; i < 4; ++i) set.submit([] {});
  EXPECT_THAT(submitted(set), ElementsAre(0, 4));
  EXPECT_FALSE(set.is_stopped());
}

TEST(worker_pool_set, leaves_what_a_task_submits_with_its_own_pool) {
  worker_pool_set set(set_of(2, pool_choice::round_robin, bounded(1, 1)));
  gate both_are_full;
  std::atomic<int> ran{0}, strangers{0};
  // Both pools run one and have one queued, so a task that submitted to the other pool would wait, and both for ever.
  for (std::size_t i = 0; i < 2; ++i)
    set[i].submit([&, i] {
      both_are_full.pass();
      for (int k = 0; k < 10; ++k)
        set.submit([&, i] {
          if (!cistern::this_worker::is_of(set[i])) ++strangers;
          ++ran;
        });
    });
  both_are_full.until_there_are(2);
  for (std::size_t i = 0; i < 2; ++i) set[i].submit([] {});
  both_are_full.open();
  EXPECT_TRUE(set.wait_idle());
  EXPECT_EQ(ran, 20);
  EXPECT_EQ(strangers, 0);
}

TEST(worker_pool_set, has_every_way_to_submit_of_a_pool) {
  worker_pool_set set(set_of(2));
  std::atomic<int> ran{0};
  const auto counts = [&] { ++ran; };
  set.submit(counts);
  set.submit({.when_full = overflow::reject}, counts);
  EXPECT_EQ(set.try_submit(counts), submission::accepted);
  EXPECT_EQ(set.submit_until(sync::now() + 1h, counts), submission::accepted);
  EXPECT_EQ(set.submit_for(1h, counts), submission::accepted);
  set.submit_before(sync::now() + 1h, counts);
  EXPECT_EQ(set.submit_bulk(4, [&](std::size_t) { return counts; }), 4u);
  EXPECT_EQ(set.submit_result([&] { return ++ran != 0; }).get(), true);
  set.submit_result({.start_before = sync::now() + 1h}, counts).get();
  set.submit_wait(counts);
  set.submit_before(sync::now() - 1h, counts);
  EXPECT_TRUE(set.wait_idle());
  EXPECT_EQ(ran, 13);
  EXPECT_EQ(set.statistics().expired, 1u);
  EXPECT_EQ(set.next().name(), "tested.0");
  EXPECT_THROW(set.submit(static_cast<void (*)()>(nullptr)), std::invalid_argument);
}

TEST(worker_pool_set, adds_up_the_numbers_of_its_pools) {
  worker_pool_options quiet = workers(2);
  quiet.on_exception = [](const std::exception_ptr&, const cistern::source_site&) {};
  worker_pool_set set(set_of(2, pool_choice::round_robin, quiet));
  for (int i = 0; i < 10; ++i) set.submit([] {});
  for (int i = 0; i < 2; ++i) set.submit([] { throw std::runtime_error("no"); });
  EXPECT_TRUE(set.wait_idle());
  const auto all = set.statistics();
  EXPECT_EQ(all.name, "tested");
  EXPECT_EQ(all.submitted, 12u);
  EXPECT_EQ(all.completed, 10u);
  EXPECT_EQ(all.failed, 2u);
  EXPECT_EQ(all.failures.size(), 2u);
  EXPECT_EQ(all.max_workers, 4u);
  EXPECT_FALSE(all.paused);
  EXPECT_FALSE(all.stopped);
  expect_balance(all);
  set[0].pause();
  EXPECT_FALSE(set.statistics().paused);
  set.pause();
  EXPECT_TRUE(set.statistics().paused);
}

TEST(worker_pool_set, stops_all_pools_to_one_deadline) {
  worker_pool_set set(set_of(2));
  auto first = std::make_unique<busy_worker>(set[0]), second = std::make_unique<busy_worker>(set[1]);
  std::atomic<int> ran{0};
  for (std::size_t i = 0; i < 2; ++i) set[i].submit([&] { ++ran; });
  const auto report = set.stop(sync::now());
  EXPECT_FALSE(report.ended);
  EXPECT_EQ(report.running.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(set[i].try_submit([] {}), submission::stopped);
  EXPECT_EQ(set.try_submit([] {}), submission::stopped);
  first.reset();
  second.reset();
  EXPECT_TRUE(set.stop().ended);
  EXPECT_EQ(ran, 2);
  EXPECT_TRUE(set.is_stopped());
  set.restart();
  set.submit_wait([&] { ++ran; });
  EXPECT_EQ(ran, 3);
}

TEST(worker_pool_set, says_how_much_it_discarded) {
  worker_pool_set set(set_of(2));
  set.pause();
  for (int i = 0; i < 5; ++i) set.submit([] {});
  const auto report = set.stop_and_discard();
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.discarded, 5u);
  expect_balance(set.statistics());
}

TEST(worker_pool_set, refuses_waits_of_its_own_tasks) {
  worker_pool_set set(set_of(2));
  EXPECT_THROW(set.submit_wait([&] { static_cast<void>(set.stop()); }), std::logic_error);
  EXPECT_THROW(set.submit_wait([&] { static_cast<void>(set.wait_idle()); }), std::logic_error);
  EXPECT_FALSE(set.is_stopped());
  EXPECT_EQ(set.try_submit([] {}), submission::accepted);
}

TEST(worker_pool_set, may_have_pools_that_differ) {
  std::array<worker_pool_options, 2> each{workers(1, "small"), workers(3, "")};
  worker_pool_set set(each, pool_choice::round_robin, "mixed");
  EXPECT_EQ(set[0].name(), "small");
  EXPECT_EQ(set[1].name(), "mixed.1");
  EXPECT_EQ(set.statistics().max_workers, 4u);
  set.resize(0, 2);
  EXPECT_EQ(set.statistics().max_workers, 4u);
  EXPECT_EQ(set[0].statistics().max_workers, 2u);
}

TEST(worker_pool_set, cannot_be_without_pools) {
  EXPECT_THROW(worker_pool_set(set_of(0)), std::invalid_argument);
  EXPECT_THROW(worker_pool_set(std::span<const worker_pool_options>()), std::invalid_argument);
  EXPECT_GE(worker_pool_set({.pools = 64}).statistics().max_workers, 64u);
}

TEST(worker_pool_set, runs_each_accepted_task_once_while_it_is_stopped) {
  for (const pool_choice choice : {pool_choice::round_robin, pool_choice::least_loaded}) {
    for (int round = 0; round < 20; ++round) {
      worker_pool_set set(set_of(2, choice, workers(2)));
      std::atomic<std::uint64_t> accepted{0}, ran{0};
      std::vector<std::thread> producers;
      for (int i = 0; i < 3; ++i)
        producers.emplace_back([&] {
          while (set.try_submit([&] { ++ran; }) == submission::accepted) ++accepted;
        });
      until([&] { return accepted > 100; });
      EXPECT_TRUE(set.stop().ended);
      for (std::thread& each : producers) each.join();
      EXPECT_EQ(ran, accepted);
      expect_balance(set.statistics());
    }
  }
}

}  // namespace
