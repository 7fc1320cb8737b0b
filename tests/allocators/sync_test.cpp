// SPDX-License-Identifier: MIT
#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

namespace {

using namespace std::chrono_literals;
using cistern::sync;

using word = sync::atomic<std::uint32_t>;

TEST(sync, parks_not_when_the_word_has_changed) {
  const word changed{1};
  sync::park(changed, 0);
  EXPECT_TRUE(sync::park_until(changed, 0, sync::now() + 1h));
}

TEST(sync, sleeps_until_the_deadline_and_not_much_longer) {
  const word never{0};
  const auto start = sync::now();
  while (sync::park_until(never, 0, start + 20ms)) {
  }
  EXPECT_GE(sync::now() - start, 20ms);
  EXPECT_LT(sync::now() - start, 10s);
}

TEST(sync, sleeps_not_for_a_deadline_in_the_past) {
  const word never{0};
  for (const auto past :
       {sync::now() - 1s, sync::clock::time_point{}, sync::clock::time_point{} - 1ns, sync::clock::time_point::min()}) {
    EXPECT_FALSE(sync::park_until(never, 0, past));
    EXPECT_TRUE(sync::park_until(never, 1, past)) << "the word is the first thing to look at";
  }
}

TEST(sync, takes_the_furthest_deadline) {
  word flag{0};
  std::thread setter([&] {
    std::this_thread::sleep_for(5ms);
    flag.store(1, std::memory_order_release);
    sync::unpark_one(flag);
  });
  while (flag.load(std::memory_order_acquire) == 0)
    EXPECT_TRUE(sync::park_until(flag, 0, sync::clock::time_point::max()));
  setter.join();
}

// Four threads sleep; `wake` is called until all have returned.
template <class Wake>
void wakes_all_of_four(Wake wake) {
  word flag{0}, awake{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i)
    sleepers.emplace_back([&] {
      while (flag.load(std::memory_order_acquire) == 0) sync::park(flag, 0);
      awake.fetch_add(1, std::memory_order_relaxed);
    });
  std::this_thread::sleep_for(10ms);
  flag.store(1, std::memory_order_release);
  wake(flag);
  for (std::thread& sleeper : sleepers) sleeper.join();
  EXPECT_EQ(awake.load(), 4u);
}

TEST(sync, wakes_all) {
  wakes_all_of_four([](const word& flag) { sync::unpark_all(flag); });
}

TEST(sync, wakes_one_for_each_call) {
  wakes_all_of_four([](const word& flag) {
    for (int i = 0; i < 4; ++i) sync::unpark_one(flag);
  });
}

TEST(sync, hands_a_turn_back_and_forth_without_losing_a_wake) {
  word turn{0};
  const auto play = [&turn](std::uint32_t mine) {
    for (int i = 0; i < 2000; ++i) {
      while (turn.load(std::memory_order_acquire) != mine) sync::park(turn, 1 - mine);
      turn.store(1 - mine, std::memory_order_release);
      sync::unpark_one(turn);
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  EXPECT_EQ(turn.load(), 0u);
}

TEST(sync, wakes_nobody_when_nobody_sleeps) {
  const word nobody{0};
  sync::unpark_one(nobody);
  sync::unpark_all(nobody);
}

TEST(sync, leaves_errno_as_it_is) {
  const word never{0};
  errno = ENOTTY;
  sync::park(never, 1);
  (void)sync::park_until(never, 0, sync::now() + 1ms);
  sync::unpark_one(never);
  sync::unpark_all(never);
  EXPECT_EQ(errno, ENOTTY);
}

TEST(sync, returns_from_park_on_a_signal_or_goes_on_sleeping_but_never_hangs) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &ignore, &before), 0);
  word flag{0};
  std::thread sleeper([&] {
    while (flag.load(std::memory_order_acquire) == 0) sync::park(flag, 0);
  });
  for (int i = 0; i < 20; ++i) {
    pthread_kill(sleeper.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(1ms);
  }
  flag.store(1, std::memory_order_release);
  sync::unpark_one(flag);
  sleeper.join();
  sigaction(SIGUSR1, &before, nullptr);
}

// Store-buffering: without the fences both sides overlook the other's store in some of the rounds.
TEST(sync, orders_stores_and_loads_across_a_fence) {
  constexpr int rounds = 20'000;
  sync::atomic<int> x{0}, y{0}, started{0};
  std::vector<int> seen_x(rounds), seen_y(rounds);
  const auto meet = [&started](int round) {
    started.fetch_add(1, std::memory_order_acq_rel);
    for (int spins = 0; started.load(std::memory_order_acquire) < 2 * round; ++spins)
      if (spins > 1000)
        std::this_thread::yield();
      else
        sync::spin_pause();
  };
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      meet(i + 1);
      sync::store_then_fence(y, i + 1);
      seen_x[static_cast<std::size_t>(i)] = sync::fence_then_load(x);
    }
  });
  for (int i = 0; i < rounds; ++i) {
    meet(i + 1);
    sync::store_then_fence(x, i + 1);
    seen_y[static_cast<std::size_t>(i)] = y.load(std::memory_order_relaxed);
  }
  other.join();
  for (std::size_t i = 0; i < rounds; ++i) {
    const int now = static_cast<int>(i) + 1;
    ASSERT_TRUE(seen_x[i] >= now || seen_y[i] >= now) << "round " << i;
  }
}

TEST(sync, loads_pointers_and_flags_across_a_fence) {
  int target = 0;
  sync::atomic<int*> pointer{nullptr};
  sync::store_then_fence(pointer, &target);
  EXPECT_EQ(sync::fence_then_load(pointer), &target);
  sync::atomic<bool> flag{false};
  EXPECT_FALSE(sync::fence_then_load(flag));
  sync::store_then_fence(flag, true);
  EXPECT_TRUE(sync::fence_then_load(flag));
}

}  // namespace
