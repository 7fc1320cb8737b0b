// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/task_channel.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/wait_count.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::sends_to;
using cistern::task_channel;
using cistern::task_group;
using cistern::wait_count;
using cistern::worker_pool;
using cistern::worker_tests::gate;
using clock = cistern::sync::clock;

TEST(task_channel, hands_out_values_first_in_first_out) {
  task_channel<int> channel;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(channel.push(i));
  EXPECT_EQ(channel.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(channel.pop(), i);
  EXPECT_FALSE(channel.try_pop());
  EXPECT_FALSE(channel.pop_until(clock::now() + 1ms));
}

TEST(task_channel, that_is_full_gives_the_value_back_or_waits) {
  task_channel<std::unique_ptr<int>> channel(1);
  EXPECT_TRUE(channel.push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(channel.try_push(std::move(second)));
  EXPECT_FALSE(channel.push_until(clock::now() + 1ms, std::move(second)));
  ASSERT_NE(second, nullptr);
  std::thread producer([&] { EXPECT_TRUE(channel.push(std::move(second))); });
  EXPECT_EQ(**channel.pop(), 1);
  EXPECT_EQ(**channel.pop(), 2);
  producer.join();
}

TEST(task_channel, that_is_closed_hands_out_what_is_left_and_takes_no_more) {
  task_channel<int> channel(1);
  EXPECT_TRUE(channel.push(1));
  std::thread producer([&] { EXPECT_FALSE(channel.push(2)) << "while it waits for room"; });
  channel.close();
  producer.join();
  EXPECT_FALSE(channel.push(3));
  EXPECT_EQ(channel.pop(), 1);
  EXPECT_FALSE(channel.pop());
}

TEST(task_channel, wakes_a_reader_for_a_value_and_for_the_end) {
  task_channel<int> channel;
  int sum = 0;
  std::thread reader([&] {
    while (const auto value = channel.pop()) sum += *value;
  });
  for (int i = 1; i <= 100; ++i) EXPECT_TRUE(channel.push(i));
  channel.close();
  reader.join();
  EXPECT_EQ(sum, 5050);
}

TEST(task_channel, reports_what_nobody_has_read) {
  std::size_t unread = 0;
  {
    task_channel<int> channel(task_channel<int>::unbounded, [&](std::size_t count) { unread = count; });
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(channel.push(i));
    EXPECT_TRUE(channel.pop());
  }
  EXPECT_EQ(unread, 2u);
  testing::internal::CaptureStderr();
  {
    task_channel<int> channel;
    EXPECT_TRUE(channel.push(1));
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("1 values that nobody has read"), std::string::npos);
}

TEST(task_channel, loses_nothing_between_tasks_and_a_slow_reader) {
  worker_pool pool({.max_workers = 2});
  task_channel<int> results(4);
  task_channel<std::exception_ptr> errors;
  task_group group(pool);
  constexpr int count = 1000;
  std::thread reader([&] {
    std::vector<int> seen(count);
    for (int i = 0; i < count / 2; ++i) ++seen[static_cast<std::size_t>(*results.pop())];
    EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), count / 2);
    for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i % 2 == 0 ? 1 : 0);
  });
  for (int i = 0; i < count; ++i)
    group.run(sends_to(results, errors, [i] { return i % 2 == 0 ? i : throw std::runtime_error("odd"); }));
  group.wait();
  reader.join();
  EXPECT_EQ(results.size(), 0u);
  EXPECT_EQ(errors.size(), static_cast<std::size_t>(count / 2));
  while (const auto error = errors.try_pop()) EXPECT_THROW(std::rethrow_exception(*error), std::runtime_error);
}

TEST(task_channel, that_takes_no_error_any_more_leaves_it_to_the_task) {
  worker_pool pool({.max_workers = 1});
  task_channel<int> results;
  task_channel<std::exception_ptr> errors;
  errors.close();
  task_group group(pool);
  group.run(sends_to(results, errors, []() -> int { throw std::runtime_error("late"); }));
  EXPECT_THROW(group.wait(), std::runtime_error);
}

TEST(wait_count, waits_until_all_jobs_are_done) {
  worker_pool pool({.max_workers = 2});
  wait_count left(100);
  std::atomic<int> done = 0;
  for (int i = 0; i < 100; ++i)
    pool.submit([&] {
      ++done;
      left.done();
    });
  left.wait();
  EXPECT_EQ(done, 100);
  EXPECT_EQ(left.count(), 0u);
}

TEST(wait_count, counts_up_again_and_waits_until_a_deadline) {
  wait_count left;
  left.wait();
  left.add();
  left.add(2);
  EXPECT_EQ(left.count(), 3u);
  EXPECT_FALSE(left.wait_until(clock::now() + 1ms));
  for (int i = 0; i < 3; ++i) left.done();
  EXPECT_TRUE(left.wait_until(clock::now()));
}

TEST(wait_count, wakes_all_who_wait_and_may_go_at_once) {
  for (int turn = 0; turn < 100; ++turn) {
    auto left = std::make_unique<wait_count>(2);
    std::thread other([&] { left->done(); });
    std::thread waiter([&] { left->wait(); });
    left->done();
    left->wait();
    waiter.join();
    left.reset();
    other.join();
  }
}

TEST(wait_count_death, ends_the_program_when_counted_below_zero) {
  EXPECT_DEATH(wait_count().done(), "more jobs were done than added");
}

}  // namespace
