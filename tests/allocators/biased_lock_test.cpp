// SPDX-License-Identifier: MIT
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/biased_lock.hpp>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace {

using cistern::asymmetric_fence;
using cistern::biased_lock;

constexpr int patience = 1000;

TEST(biased_lock, keeps_a_visitor_out_while_the_owner_is_inside) {
  biased_lock lock;
  lock.lock(asymmetric_fence::light_is_light());
  std::thread([&lock] {
    lock.announce();
    ASSERT_TRUE(asymmetric_fence::heavy_fence());
    EXPECT_FALSE(lock.try_enter(patience));
    lock.leave();
  }).join();
  lock.unlock();
}

TEST(biased_lock, keeps_the_owner_out_while_a_visitor_is_inside) {
  biased_lock lock;
  const bool light = asymmetric_fence::light_is_light();
  lock.announce();
  ASSERT_TRUE(asymmetric_fence::heavy_fence());
  ASSERT_TRUE(lock.try_enter(patience));
  std::atomic<bool> left = false;
  std::thread owner([&] {
    lock.lock(light);
    EXPECT_TRUE(left);
    lock.unlock();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  left = true;
  lock.leave();
  owner.join();
}

TEST(biased_lock, shares_what_is_written_inside) {
  biased_lock lock;
  const bool light = asymmetric_fence::light_is_light();
  long sum = 0;  // ThreadSanitizer watches it
  long turns = 0, visits = 0;
  std::atomic<bool> done = false;
  std::thread owner([&] {
    for (; !done; ++turns) {
      lock.lock(light);
      ++sum;
      lock.unlock();
    }
  });
  while (visits < 2000) {
    lock.announce();
    if (asymmetric_fence::heavy_fence() && lock.try_enter(patience)) {
      ++sum;
      ++visits;
    }
    lock.leave();
  }
  done = true;
  owner.join();
  EXPECT_EQ(sum, turns + visits);
}

}  // namespace
