// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

#include <atomic>
#include <chrono>
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

// Pitfall 11.
TEST(epoch_domain, barrier_returns_when_every_deleter_of_every_thread_has_run) {
  epoch_domain domain(by_hand());
  std::atomic<int> deleted = 0;
  constexpr int threads = 4, each = 1000;
  std::atomic<int> retired = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&] {
      static int object;
      for (int k = 0; k < each; ++k)
        domain.retire(
            &object, [](void*, void* count) noexcept { ++*static_cast<std::atomic<int>*>(count); }, &deleted, 8);
      ++retired;
      while (!done) std::this_thread::yield();  // with an open bag, asleep to the domain
    });
  while (retired != threads) std::this_thread::yield();
  domain.barrier();
  EXPECT_EQ(deleted, threads * each);
  done = true;
  for (std::thread& thread : running) thread.join();
}

TEST(epoch_domain, synchronize_waits_for_regions_that_began_before_and_gives_up_at_its_limit) {
  epoch_domain domain(by_hand());
  {
    const pinned_thread reader(domain);
    EXPECT_FALSE(domain.synchronize(20ms));
    EXPECT_EQ(domain.statistics().blocker.thread, reader.id());
  }
  EXPECT_TRUE(domain.synchronize(10s));
  EXPECT_EQ(domain.statistics().blocker.thread, 0u);
}

TEST(epoch_domain, barrier_gives_up_at_its_limit_and_loses_nothing) {
  epoch_domain domain(by_hand());
  node::live = 0;
  {
    const pinned_thread reader(domain);
    domain.retire(new node);
    EXPECT_FALSE(domain.barrier(20ms));
    EXPECT_EQ(node::live, 1);
    EXPECT_EQ(domain.statistics().pending_objects, 1u);
  }
  EXPECT_TRUE(domain.barrier(10s));
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_domain, runs_the_deleters_of_a_barrier_with_no_lock_held) {
  epoch_domain domain(by_hand());
  bool other_finished = false;
  domain.retire(new node, [&](node* dead) {
    delete dead;
    std::thread([&] {  // a barrier of another thread waits for this deleter, so it has a limit
      EXPECT_FALSE(domain.barrier(20ms));
      domain.collect();
      other_finished = true;
    })
        .join();
  });
  domain.barrier();
  EXPECT_TRUE(other_finished);
}

// Pitfall 8.
TEST(epoch_domain, retiring_while_pinned_goes_on_while_another_thread_synchronizes) {
  epoch_domain domain(by_hand());
  std::atomic<bool> pinned = false, synchronizing = false;
  std::thread retiring([&] {
    int deleted = 0;
    static int object;
    {
      const epoch_guard guard(domain);
      pinned = true;
      while (!synchronizing) std::this_thread::yield();
      for (int i = 0; i < 10'000; ++i) domain.retire(&object, count_deletions, &deleted, 8);
    }
    domain.barrier();
    EXPECT_EQ(deleted, 10'000);
  });
  while (!pinned) std::this_thread::yield();
  synchronizing = true;
  domain.synchronize();
  retiring.join();
}

TEST(epoch_domain, may_have_no_time_to_close_where_nothing_stands_in_the_way) {
  testing::internal::CaptureStderr();
  node::live = 0;
  {
    cistern::epoch_options options = by_hand();
    options.close_limit = std::chrono::nanoseconds(0);
    epoch_domain domain(options);
    domain.retire(new node);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_domain, may_be_destroyed_and_waited_for_in_a_deleter_of_another) {
  epoch_domain outer(by_hand());
  auto* const inner = new epoch_domain(by_hand());
  node::live = 0;
  inner->retire(new node);
  outer.retire(inner, [](epoch_domain* dead) {
    dead->retire(new node);
    dead->barrier();
    dead->retire(new node);
    delete dead;
  });
  outer.retire(new node);
  outer.barrier();
  EXPECT_EQ(node::live, 0);
  EXPECT_EQ(outer.statistics().pending_objects, 0u);
}

}  // namespace
