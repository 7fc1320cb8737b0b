// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
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

TEST(epoch_domain, frees_what_was_retired_two_advances_later_and_not_before) {
  epoch_domain domain(by_hand());
  node::live = 0;
  domain.retire(new node);
  domain.flush();
  EXPECT_TRUE(domain.advance());
  domain.flush();
  EXPECT_EQ(node::live, 1);
  EXPECT_TRUE(domain.advance());
  domain.flush();
  EXPECT_EQ(node::live, 0);
  EXPECT_EQ(domain.statistics().pending_objects, 0u);
}

TEST(epoch_domain, frees_nothing_that_a_reader_may_still_see) {
  epoch_domain domain(by_hand());
  node::live = 0;
  {
    const pinned_thread reader(domain);
    domain.retire(new node);
    for (int i = 0; i < 10; ++i) domain.collect();
    EXPECT_EQ(node::live, 1);
  }
  for (int i = 0; i < 2; ++i) domain.collect();
  EXPECT_EQ(node::live, 0);
}

// Pitfall 1: a tag from the own, old pin would let the object go under a reader of the newer epoch.
TEST(epoch_domain, tags_by_the_epoch_of_the_domain_and_not_by_that_of_the_retiring_pin) {
  epoch_domain domain(by_hand());
  node::live = 0;
  auto old_pin = std::make_unique<epoch_guard>(domain);  // epoch e
  ASSERT_TRUE(domain.advance());                         // e + 1
  const pinned_thread reader(domain);                    // sees the node, which is unlinked now
  domain.retire(new node);
  domain.flush();
  old_pin.reset();
  EXPECT_TRUE(domain.advance());   // e + 2, which is two after the old pin
  EXPECT_FALSE(domain.advance());  // the reader of e + 1 is in the way
  domain.flush();
  domain.collect();
  EXPECT_EQ(node::live, 1);
}

TEST(epoch_domain, calls_an_empty_deleter_one_with_state_and_one_by_hand) {
  epoch_domain domain(by_hand());
  node::live = 0;
  int with_state = 0;
  int by_function = 0;
  domain.retire(new node, std::default_delete<node>{});
  domain.retire(new node, [&with_state](node* dead) {
    ++with_state;
    delete dead;
  });
  domain.retire(
      new node,
      [](void* dead, void* context) noexcept {
        ++*static_cast<int*>(context);
        delete static_cast<node*>(dead);
      },
      &by_function, sizeof(node));
  domain.barrier();
  EXPECT_EQ(node::live, 0);
  EXPECT_EQ(with_state, 1);
  EXPECT_EQ(by_function, 1);
}

TEST(epoch_domain, counts_pending_objects_and_bytes_of_open_bags_too) {
  epoch_domain domain(by_hand());
  int deleted = 0;
  static int object;
  for (int i = 0; i < 100; ++i) domain.retire(&object, count_deletions, &deleted, 1000);
  EXPECT_EQ(domain.statistics().pending_objects, 100u);
  EXPECT_EQ(domain.statistics().pending_bytes, 100'000u);
  domain.barrier();
  EXPECT_EQ(domain.statistics().pending_objects, 0u);
  EXPECT_EQ(domain.statistics().pending_bytes, 0u);
  EXPECT_EQ(deleted, 100);
}

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

// Pitfall 9.
TEST(epoch_domain, leaves_deleters_to_others_where_a_lock_is_held_around_retire) {
  cistern::epoch_options options = by_hand();
  options.amortised = false;
  epoch_domain domain(options);
  static std::mutex users;
  int deleted = 0;
  static int object;
  for (int i = 0; i < 5000; ++i) {
    const std::scoped_lock lock(users);
    domain.retire(
        &object,
        [](void*, void* count) noexcept {
          const std::scoped_lock within(users);
          ++*static_cast<int*>(count);
        },
        &deleted, 8);
  }
  EXPECT_EQ(deleted, 0);
  domain.barrier();
  EXPECT_EQ(deleted, 5000);
}

struct chain {
  epoch_domain* domain;
  int left;
  int* deleted;
};

void delete_and_retire_the_next(void* object, void*) noexcept {
  const std::unique_ptr<chain> link(static_cast<chain*>(object));
  ++*link->deleted;
  if (link->left > 0)
    link->domain->retire(new chain{link->domain, link->left - 1, link->deleted}, delete_and_retire_the_next, nullptr,
                         8);
}

// Pitfall 10.
TEST(epoch_domain, lets_deleters_retire_again_and_pin) {
  int deleted = 0;
  {
    epoch_domain domain(by_hand());
    domain.retire(new chain{&domain, 900, &deleted}, delete_and_retire_the_next, nullptr, 8);
    domain.retire(new node, [&domain](node* dead) {
      const epoch_guard guard(domain);
      delete dead;
    });
  }
  EXPECT_EQ(deleted, 901);
}

// Pitfalls 10 and 28.
TEST(epoch_domain_death, refuses_to_wait_for_itself) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  epoch_domain domain(by_hand());
  EXPECT_DEATH(
      {
        const epoch_guard guard(domain);
        domain.synchronize();
      },
      "cistern: epoch_domain::synchronize\\(\\) within a region or a deleter would wait for itself");
  EXPECT_DEATH(
      {
        const epoch_guard guard(domain);
        domain.barrier();
      },
      "cistern: epoch_domain::barrier\\(\\) within");
  EXPECT_DEATH(
      {
        domain.retire(new node, [&domain](node* dead) {
          delete dead;
          domain.synchronize();
        });
        domain.barrier();
      },
      "cistern: epoch_domain::synchronize\\(\\) within");
}

TEST(epoch_domain_death, refuses_to_unlock_what_is_not_locked_and_to_retire_without_a_deleter) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  epoch_domain domain(by_hand());
  EXPECT_DEATH(domain.unlock(), "cistern: epoch_domain::unlock\\(\\) on a thread that is not in a region");
  EXPECT_DEATH(domain.retire(&domain, nullptr, nullptr, 8), "cistern: epoch_domain::retire\\(\\) was given no deleter");
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

TEST(epoch_domain, counts_what_an_object_is_said_to_own) {
  epoch_domain domain(by_hand());
  domain.retire(new node, std::default_delete<node>{}, 1000);
  EXPECT_EQ(domain.statistics().pending_bytes, 1000u);
}

// Pitfall 18.
TEST(epoch_domain, runs_the_deleters_of_two_bags_at_most_for_a_thread_that_retires) {
  epoch_domain domain(by_hand());
  static int object;
  int deleted = 0;
  {
    const pinned_thread reader(domain);
    for (int i = 0; i < 100'000; ++i) domain.retire(&object, count_deletions, &deleted, 8);
    EXPECT_EQ(deleted, 0);
  }
  int most = 0;
  for (int i = 0; i < 100'000; ++i) {
    const int before = deleted;
    domain.retire(&object, count_deletions, &deleted, 8);
    most = std::max(most, deleted - before);
  }
  EXPECT_GT(deleted, 50'000);
  EXPECT_LE(most, 2 * 59);
}

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

// Pitfall 22.
TEST(epoch_domain, is_unpinned_by_an_exception) {
  epoch_domain domain(by_hand());
  try {
    const epoch_guard guard(domain);
    const epoch_guard nested(domain);
    throw std::runtime_error("in a region");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(domain.synchronize(10s));
}

TEST(epoch_domain, is_lockable) {
  epoch_domain domain(by_hand());
  {
    const std::scoped_lock region(domain);
    const std::unique_lock nested(domain, std::try_to_lock);
    EXPECT_TRUE(nested.owns_lock());
    EXPECT_TRUE(domain.slot().pinned());
  }
  EXPECT_FALSE(domain.slot().pinned());
}

TEST(epoch_domain, quiesce_hands_everything_to_those_who_collect) {
  epoch_domain domain(by_hand());
  node::live = 0;
  for (int i = 0; i < 10; ++i) domain.retire(new node);
  domain.quiesce();
  EXPECT_EQ(domain.statistics().orphans, 10u);
  std::thread([&domain] {
    for (int i = 0; i < 2; ++i) domain.collect();
  }).join();
  EXPECT_EQ(node::live, 0);
}

// Pitfall 17.
TEST(epoch_domain, takes_what_a_sleeping_thread_has_retired_at_a_tick) {
  cistern::ageing_clock clock;
  cistern::epoch_options options = by_hand();
  options.clock = &clock;
  epoch_domain domain(options);
  node::live = 0;
  std::atomic<bool> retired = false, done = false;
  std::thread sleeping([&] {
    for (int i = 0; i < 5; ++i) domain.retire(new node);
    retired = true;
    while (!done) std::this_thread::sleep_for(1ms);
  });
  while (!retired) std::this_thread::yield();
  clock.tick();
  EXPECT_EQ(node::live, 0);
  EXPECT_FALSE(clock.tick()) << "nothing is pending any more";
  done = true;
  sleeping.join();
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
