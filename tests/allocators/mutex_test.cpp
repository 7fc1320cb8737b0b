// SPDX-License-Identifier: MIT
#include <cistern/allocators/mutex.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::mutex;

// It is used from static destructors and before main.
constinit mutex at_namespace_scope;
static_assert(std::is_trivially_destructible_v<mutex>);
static_assert(!std::is_copy_constructible_v<mutex> && sizeof(mutex) == 4);

TEST(mutex, is_lockable_by_the_standard_guards) {
  mutex other;
  {
    const std::scoped_lock both(at_namespace_scope, other);
    EXPECT_FALSE(at_namespace_scope.try_lock());
    EXPECT_FALSE(other.try_lock());
  }
  std::unique_lock lock(other, std::try_to_lock);
  EXPECT_TRUE(lock.owns_lock());
}

TEST(mutex, lets_one_in_at_a_time) {
  constexpr int threads = 4, turns = 20'000;
  mutex lock;
  long sum = 0;  // ThreadSanitizer watches it
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&] {
      for (int turn = 0; turn < turns; ++turn) {
        const std::scoped_lock held(lock);
        ++sum;
      }
    });
  for (std::thread& thread : running) thread.join();
  EXPECT_EQ(sum, long{threads} * turns);
}

TEST(mutex, wakes_those_who_wait) {
  mutex lock;
  lock.lock();
  std::vector<std::thread> waiting;
  for (int i = 0; i < 4; ++i) waiting.emplace_back([&] { const std::scoped_lock held(lock); });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  lock.unlock();
  for (std::thread& thread : waiting) thread.join();
  EXPECT_TRUE(lock.try_lock());
}

TEST(mutex, may_be_destroyed_by_the_next_owner) {
  for (int i = 0; i < 2000; ++i) {
    auto lock = std::make_unique<mutex>();
    lock->lock();
    std::thread first([&raw = *lock] { raw.unlock(); });
    lock->lock();
    lock->unlock();
    // The first unlock may not have returned yet; freeing the memory is what its comment promises to bear.
    lock.reset();
    first.join();
  }
}

}  // namespace
