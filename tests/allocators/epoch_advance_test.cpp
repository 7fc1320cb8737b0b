// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::epoch_testing::by_hand;
using cistern::epoch_testing::count_deletions;
using cistern::epoch_testing::node;
using cistern::epoch_testing::pinned_thread;

// Pitfall 25.
TEST(epoch_domain, asks_for_a_heavy_fence_less_than_once_for_a_thousand_objects) {
  epoch_domain domain(by_hand());
  constexpr int threads = 8, each = 20'000;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&domain] {
      static int object;
      for (int k = 0; k < each; ++k)
        domain.retire(
            &object, [](void*, void*) noexcept {}, nullptr, 8);
    });
  for (std::thread& thread : running) thread.join();
  const cistern::epoch_statistics found = domain.statistics();
  EXPECT_LE(found.advances + found.blocked_advances + found.refused_fences, threads * each / 1000u);
  EXPECT_GT(found.advances, 0u);
}

// Pitfall 19.
TEST(epoch_domain, reports_a_stalled_pin_and_caps_what_unpinned_threads_add) {
  struct report {
    std::atomic<int> count = 0;
    cistern::epoch_stall last{};
  } reported;
  cistern::epoch_options options = by_hand();
  options.max_pending_bytes = 1 << 20;
  options.over_cap_wait = 1ms;
  options.stall_limit = 5ms;
  options.stall_context = &reported;
  options.on_stall = [](void* context, const cistern::epoch_stall& stall) noexcept {
    auto& into = *static_cast<report*>(context);
    into.last = stall;
    ++into.count;
  };
  epoch_domain domain(options);
  static int object;
  int deleted = 0;
  {
    const pinned_thread reader(domain);
    const auto start = std::chrono::steady_clock::now();
    int retired = 0;
    for (; retired < 200; ++retired) domain.retire(&object, count_deletions, &deleted, 1 << 20);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms) << "above the cap each new bag waits";
    EXPECT_EQ(deleted, 0);
    EXPECT_EQ(reported.count, 1) << "once for one pin";
    EXPECT_EQ(reported.last.thread, reader.id());
    EXPECT_GE(reported.last.age, 5ms);
    EXPECT_EQ(domain.statistics().blocker.thread, reader.id());
    EXPECT_GE(domain.statistics().blocker.age, 5ms);
    EXPECT_EQ(domain.statistics().over_cap, 0u);
    const epoch_guard guard(domain);
    for (int i = 0; i < 100; ++i) domain.retire(&object, count_deletions, &deleted, 1 << 20);
    EXPECT_GT(domain.statistics().over_cap, 0u) << "a pinned thread goes on and is counted";
  }
  for (int i = 0; i < 100; ++i) domain.retire(&object, count_deletions, &deleted, 1 << 20);
  EXPECT_GE(deleted, 200) << "once the pin has gone, a bag above the cap frees all that has expired";
}

TEST(epoch_domain, reports_each_of_two_stalled_pins_with_its_own_age) {
  struct reports {
    std::vector<cistern::epoch_stall> all;
  } reported;
  cistern::epoch_options options = by_hand();
  options.stall_limit = 20ms;
  options.stall_context = &reported;
  options.on_stall = [](void* context, const cistern::epoch_stall& stall) noexcept {
    static_cast<reports*>(context)->all.push_back(stall);
  };
  epoch_domain domain(options);
  auto first = std::make_unique<pinned_thread>(domain);
  const pinned_thread second(domain);
  domain.advance();
  domain.advance();  // sees both in the way
  std::this_thread::sleep_for(25ms);
  for (int i = 0; i < 3; ++i) domain.advance();
  EXPECT_EQ(reported.all.size(), 2u);
  first.reset();
  domain.advance();
  EXPECT_EQ(domain.statistics().blocker.thread, second.id());
  EXPECT_GE(domain.statistics().blocker.age, 20ms);
}

TEST(epoch_domain, counts_bytes_of_large_objects_before_a_bag_is_full_of_them) {
  cistern::epoch_options options = by_hand();
  options.max_pending_bytes = 1 << 20;
  options.over_cap_wait = 20s;
  epoch_domain domain(options);
  static int object;
  std::vector<std::thread> threads;
  std::atomic<int> retired = 0;
  std::atomic<bool> done = false;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k)
        domain.retire(
            &object, [](void*, void*) noexcept {}, nullptr, 1 << 20);
      ++retired;
      while (!done) std::this_thread::yield();
    });
  while (retired < 8) std::this_thread::yield();
  EXPECT_LE(domain.statistics().pending_bytes, std::size_t{8 * 4} << 20);  // of 400
  done = true;
  for (std::thread& thread : threads) thread.join();
}

// Pitfall 20.
TEST(epoch_domain, goes_on_when_the_epoch_wraps) {
  cistern::epoch_options options = by_hand();
  options.first_epoch = (std::uint64_t{1} << 48) - 3;
  epoch_domain domain(options);
  node::live = 0;
  for (int i = 0; i < 10; ++i) {
    domain.retire(new node);
    domain.flush();
    const pinned_thread reader(domain);
    EXPECT_TRUE(domain.advance());
    EXPECT_FALSE(domain.advance());
  }
  EXPECT_GE(node::live, 1);
  domain.barrier();
  EXPECT_EQ(node::live, 0);
  EXPECT_LT(domain.statistics().epoch, 100u);
}

// Pitfall 7.
TEST(epoch_domain, does_not_age_idle_things_by_retiring) {
  const std::uint64_t before = cistern::ageing_clock::process().ticks();
  cistern::epoch_options options;
  options.background = false;
  epoch_domain domain(options);
  static int object;
  for (int i = 0; i < 1'000'000; ++i)
    domain.retire(
        &object, [](void*, void*) noexcept {}, nullptr, 8);
  EXPECT_GT(domain.statistics().advances, 100u);
  EXPECT_EQ(cistern::ageing_clock::process().ticks(), before);
}

TEST(epoch_domain, counts_an_advance_that_is_kept_out_by_a_pin) {
  epoch_domain domain(by_hand());
  const pinned_thread reader(domain);
  EXPECT_TRUE(domain.advance());
  EXPECT_FALSE(domain.advance());
  const cistern::epoch_statistics found = domain.statistics();
  EXPECT_EQ(found.advances, 1u);
  EXPECT_EQ(found.blocked_advances, 1u);
  EXPECT_EQ(found.threads, 1u);
}

}  // namespace
