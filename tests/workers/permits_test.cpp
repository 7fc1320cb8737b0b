// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/detail/permits.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::detail::permits;
using cistern::worker_tests::until;

// As a submission waits.
bool acquire(permits& room, cistern::sync::clock::time_point deadline) {
  return room.acquire(deadline, [deadline] { return cistern::sync::now() >= deadline; });
}
constexpr auto never = cistern::sync::clock::time_point::max();

TEST(permits, are_as_many_as_there_were_and_were_released) {
  permits room(2);
  EXPECT_TRUE(room.try_acquire());
  EXPECT_TRUE(room.try_acquire());
  EXPECT_FALSE(room.try_acquire());
  room.release();
  EXPECT_TRUE(room.try_acquire());
  EXPECT_FALSE(room.try_acquire());
  room.release(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(room.try_acquire());
  EXPECT_FALSE(room.try_acquire());
}

TEST(permits, may_be_owed) {
  permits room(1);
  room.release(-3);
  for (int i = 0; i < 2; ++i) {
    room.release();
    EXPECT_FALSE(room.try_acquire());
  }
  room.release();
  EXPECT_TRUE(room.try_acquire());
}

TEST(permits, end_a_wait_at_its_deadline) {
  permits room(0);
  EXPECT_FALSE(acquire(room, cistern::sync::now() + 1ms));
  EXPECT_FALSE(acquire(room, cistern::sync::now() - 1h));
  EXPECT_EQ(room.waiting(), 0u);
}

TEST(permits, wake_as_many_as_were_released_at_once) {
  permits room(0);
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { EXPECT_TRUE(acquire(room, never)); });
  until([&] { return room.waiting() == 3; });
  room.release(3);
  for (auto& each : waiters) each.join();
  EXPECT_FALSE(room.try_acquire());
}

TEST(permits, end_all_waits_when_they_are_told_to) {
  permits room(0);
  std::atomic<bool> over{false};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i)
    waiters.emplace_back([&] { EXPECT_FALSE(room.acquire(never, [&] { return over.load(); })); });
  until([&] { return room.waiting() == 3; });
  over = true;
  room.wake_all();
  for (auto& each : waiters) each.join();
  EXPECT_EQ(room.waiting(), 0u);
}

TEST(permits, are_not_lost_between_waits_that_give_up) {
  constexpr int held = 2;
  permits room(held);
  std::atomic<int> out{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 3000; ++turn) {
        const auto deadline = i % 2 == 0 ? never : cistern::sync::now() + std::chrono::microseconds(20);
        if (!acquire(room, deadline)) continue;
        const int now = ++out;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        if (turn % 8 == 0) std::this_thread::yield();
        --out;
        room.release();
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_LE(most, held);
  for (int i = 0; i < held; ++i) EXPECT_TRUE(room.try_acquire());
  EXPECT_FALSE(room.try_acquire());
}

}  // namespace
