// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

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

}  // namespace
