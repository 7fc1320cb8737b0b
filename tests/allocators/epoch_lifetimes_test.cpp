// SPDX-License-Identifier: MIT
// Threads, domains and processes that end in every order.
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_object.hpp>
#include <cistern/allocators/retire_list.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>
#include <pthread.h>

namespace {

using namespace std::chrono_literals;
using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::contracts::detail::in_child;
using cistern::epoch_testing::by_hand;
using cistern::epoch_testing::node;
using cistern::epoch_testing::pinned_thread;

#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
constexpr int many_threads = 1000;
#else
constexpr int many_threads = 10'000;
#endif

void free_nodes(void*, void** objects, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) delete static_cast<node*>(objects[i]);
}

// Pitfall 12.
TEST(epoch_lifetimes, threads_that_end_leave_nothing_unfreed) {
  epoch_domain domain(by_hand());
  node::live = 0;
  for (int i = 0; i < many_threads; ++i)
    std::thread([&domain] {
      const epoch_guard guard(domain);
      for (int k = 0; k < 5; ++k) domain.retire(new node);
    }).join();
  EXPECT_EQ(domain.statistics().threads, 0u);
  domain.barrier();
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_lifetimes, what_ended_threads_left_is_freed_at_the_pace_of_those_who_retire) {
  for (const std::size_t cap : {std::size_t{1} << 10, std::size_t{1} << 30}) {  // above the cap, and below it
    cistern::epoch_options options = by_hand();
    options.max_pending_bytes = cap;
    epoch_domain domain(options);
    node::live = 0;
    for (int i = 0; i < 20; ++i)
      std::thread([&domain] {
        for (int k = 0; k < 200; ++k) domain.retire(new node);
      }).join();
    EXPECT_GT(domain.statistics().orphans, 0u);
    static int object;
    for (int i = 0; i < 20'000; ++i)
      domain.retire(
          &object, [](void*, void*) noexcept {}, nullptr, 8);
    EXPECT_EQ(node::live, 0) << "cap " << cap;
  }
}

// Pitfall 13: a thread_local object from before the first use of cistern is destroyed after those that came later.
struct retires_at_the_end {
  epoch_domain* domain = nullptr;
  ~retires_at_the_end() {
    if (domain == nullptr) return;
    const epoch_guard guard(*domain);
    domain->retire(new node);
  }
};

TEST(epoch_lifetimes, older_thread_local_objects_may_retire_as_they_end) {
  epoch_domain domain(by_hand());
  node::live = 0;
  std::thread([&domain] {
    thread_local retires_at_the_end older;
    older.domain = &domain;
    domain.retire(new node);
  }).join();
  domain.barrier();
  EXPECT_EQ(node::live, 0);
  EXPECT_EQ(domain.statistics().threads, 0u);
}

// The destructors of POSIX keys run in rounds; cistern's own waits for the last one.
pthread_key_t late_key;
std::atomic<int> late_rounds = 0;
constexpr int rounds_there_are = PTHREAD_DESTRUCTOR_ITERATIONS - CISTERN_TSAN;  // its own state goes in the last one

void use_in_every_round(void* domain) {
  ++late_rounds;
  auto& used = *static_cast<epoch_domain*>(domain);
  {
    const epoch_guard guard(used);
    const epoch_guard nested(used);
    used.retire(new node);
  }
  if (late_rounds < rounds_there_are) pthread_setspecific(late_key, domain);
}

TEST(epoch_lifetimes, destructors_of_keys_may_retire_in_every_round) {
  epoch_domain domain(by_hand());
  node::live = 0;
  late_rounds = 0;
  ASSERT_EQ(pthread_key_create(&late_key, use_in_every_round), 0);
  std::thread([&domain] {
    domain.retire(new node);  // cistern's key comes first, so that in its last round the other one comes after
    pthread_setspecific(late_key, &domain);
  }).join();
  pthread_key_delete(late_key);
  EXPECT_EQ(late_rounds, rounds_there_are);
  domain.barrier();
  EXPECT_EQ(node::live, 0);
  EXPECT_EQ(domain.statistics().threads, 0u);
}

TEST(epoch_lifetimes, a_typed_list_may_be_used_after_the_end_of_a_threads_state) {
  epoch_domain domain(by_hand());
  node::live = 0;
  {
    static cistern::retire_list* used = nullptr;
    cistern::retire_list list(domain, sizeof(node), free_nodes);
    used = &list;
    late_rounds = 0;
    ASSERT_EQ(pthread_key_create(&late_key,
                                 [](void* round) {
                                   used->retire(new node);
                                   used->retire(new node);
                                   if (++late_rounds < rounds_there_are) pthread_setspecific(late_key, round);
                                 }),
              0);
    std::thread([] {
      used->retire(new node);
      pthread_setspecific(late_key, &late_key);
    }).join();
    pthread_key_delete(late_key);
  }
  EXPECT_EQ(node::live, 0);
}

// What a pool does that flushes a thread's cache: whether its id is below or above those of the list and the domain.
TEST(epoch_lifetimes, an_instance_may_retire_through_lists_and_domains_as_it_is_told_of_a_threads_end) {
  struct pool {
    epoch_domain* domain;
    cistern::retire_list* list;
  } used{};
  const auto flush = [](void* self, void*) noexcept {
    const auto& on = *static_cast<pool*>(self);
    for (int i = 0; i < 100; ++i) {
      on.list->retire(new node);
      on.domain->retire(new node);
    }
  };
  for (const bool low_id : {true, false}) {
    int other = 0;
    const auto low = cistern::thread_registry::enter(&other, [](void*, void*) noexcept {});
    epoch_domain domain(by_hand());
    node::live = 0;
    {
      cistern::retire_list list(domain, sizeof(node), free_nodes);
      used = {&domain, &list};
      if (low_id) cistern::thread_registry::leave(low);
      const auto id = cistern::thread_registry::enter(&used, flush);
      for (int i = 0; i < 10; ++i)
        std::thread([&] {
          list.retire(new node);
          cistern::thread_registry::attach(id, &used);
        }).join();
      cistern::thread_registry::leave(id);
    }
    if (!low_id) cistern::thread_registry::leave(low);
    domain.barrier();
    EXPECT_EQ(node::live, 0);
    EXPECT_EQ(domain.statistics().threads, 0u);
  }
}

// Pitfall 14: a domain, a list on it and a thread that has used both; the thread ends before the list, between the two,
// or after both.
TEST(epoch_lifetimes, threads_end_before_between_and_after_lists_and_domains) {
  for (int thread_ends = 0; thread_ends < 3; ++thread_ends) {
    node::live = 0;
    std::atomic<bool> used = false, end = false;
    std::optional<epoch_domain> domain(std::in_place, by_hand());
    std::optional<cistern::retire_list> list(std::in_place, *domain, sizeof(node), free_nodes);
    std::thread thread([&] {
      for (int i = 0; i < 100; ++i) {
        list->retire(new node);
        domain->retire(new node);
      }
      used = true;
      while (!end) std::this_thread::yield();
    });
    while (!used) std::this_thread::yield();
    const auto end_thread_at = [&](int point) {
      if (thread_ends != point) return;
      end = true;
      thread.join();
    };
    end_thread_at(0);
    list.reset();
    end_thread_at(1);
    domain.reset();
    EXPECT_EQ(node::live, 0);
    end_thread_at(2);
  }
}

TEST(epoch_lifetimes, threads_may_end_while_their_domain_does) {
  for (int round = 0; round < 200; ++round) {
    std::optional<epoch_domain> domain(std::in_place, by_hand());
    std::atomic<int> ready = 0;
    std::atomic<bool> end = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] {
        domain->retire(new node);
        ++ready;
        while (!end) std::this_thread::yield();
      });
    while (ready != 3) std::this_thread::yield();
    end = true;
    domain.reset();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_lifetimes, a_domain_that_ends_under_a_guard_reports_it_and_leaves_what_it_may_read) {
  cistern::epoch_options options = by_hand();
  options.close_limit = 10ms;
  node::live = 0;
  auto* const seen = new node;
  std::atomic<bool> pinned = false, end = false;
  testing::internal::CaptureStderr();
  auto domain = std::make_unique<epoch_domain>(options);
  std::thread reader([&] {
    const epoch_guard guard(*domain);
    pinned = true;
    while (!end) std::this_thread::yield();
  });
  while (!pinned) std::this_thread::yield();
  domain->retire(seen);
  domain.reset();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("destroyed while a thread is pinned in it"), std::string::npos);
  EXPECT_EQ(node::live, 1);
  end = true;
  reader.join();  // its guard still had a slot to leave
}

// Pitfall 15.
TEST(epoch_lifetimes, a_new_domain_does_not_see_what_threads_kept_for_an_old_one) {
  std::atomic<epoch_domain*> current = nullptr;
  std::atomic<int> round = 0, done = 0;
  constexpr int rounds = 300;
  std::thread user([&] {
    for (int mine = 1; mine <= rounds; ++mine) {
      while (round < mine) std::this_thread::yield();
      epoch_domain& domain = *current.load();
      const epoch_guard guard(domain);
      domain.retire(new node);
      ++done;
    }
    while (round <= rounds) std::this_thread::yield();
  });
  node::live = 0;
  for (int now = 1; now <= rounds; ++now) {
    epoch_domain domain(by_hand());
    EXPECT_EQ(domain.statistics().threads, 0u);
    current = &domain;
    round = now;
    while (done < now) std::this_thread::yield();
    EXPECT_EQ(domain.statistics().threads, 1u);
  }
  ++round;
  user.join();
  EXPECT_EQ(node::live, 0);
}

// Pitfall 24.
TEST(epoch_lifetimes, slots_come_and_go_while_others_advance) {
  epoch_domain domain(by_hand());
  node::live = 0;
  std::atomic<bool> stop = false;
  std::thread advancing([&] {
    while (!stop) domain.collect();
  });
  std::vector<std::thread> churning;
  for (int i = 0; i < 4; ++i)
    churning.emplace_back([&domain] {
      for (int k = 0; k < many_threads / 20; ++k)
        std::thread([&domain] {
          const epoch_guard guard(domain);
          domain.retire(new node);
        }).join();
    });
  for (std::thread& thread : churning) thread.join();
  stop = true;
  advancing.join();
  domain.barrier();
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_lifetimes, more_threads_than_a_chunk_has_slots_are_all_seen) {
  epoch_domain domain(by_hand());
  std::vector<std::unique_ptr<pinned_thread>> pinned;
  for (int i = 0; i < 70; ++i) pinned.push_back(std::make_unique<pinned_thread>(domain));
  EXPECT_EQ(domain.statistics().threads, 70u);
  EXPECT_TRUE(domain.advance());
  while (!pinned.empty()) {
    EXPECT_FALSE(domain.advance());
    pinned.erase(pinned.begin() + static_cast<std::ptrdiff_t>(pinned.size() / 2));
  }
  EXPECT_TRUE(domain.advance());
}

// Pitfall 16.
TEST(epoch_lifetimes, a_child_of_fork_goes_on_without_the_threads_that_were_pinned) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  epoch_domain domain(by_hand());
  const pinned_thread reader(domain);
  std::atomic<bool> stop = false;
  std::vector<std::thread> busy;
  for (int i = 0; i < 3; ++i)
    busy.emplace_back([&] {
      for (int k = 0; !stop; ++k) {
        const epoch_guard guard(domain);
        domain.retire(new node);
        if (k % 64 == 0) domain.collect();
        if (k % 200 == 0) std::thread([&domain] { domain.retire(new node); }).join();
      }
    });
  for (int round = 0; round < 50; ++round) {
    const int status = in_child([&domain] {
      const epoch_guard guard(domain);
      domain.retire(new node);
      if (!domain.advance() || domain.advance()) return 1;  // its own pin only
      return domain.statistics().threads == 1 ? 0 : 2;
    });
    EXPECT_EQ(status, 0) << "round " << round;
    const int drained = in_child([&domain] {
      domain.barrier();
      return domain.statistics().pending_objects == 0 ? 0 : 1;
    });
    EXPECT_EQ(drained, 0) << "round " << round;
  }
  stop = true;
  for (std::thread& thread : busy) thread.join();
}

TEST(epoch_lifetimes, a_child_of_fork_loses_nothing_that_a_busy_thread_had_retired) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  cistern::epoch_options options = by_hand();
  options.max_pending_bytes = std::size_t{1} << 40;
  epoch_domain domain(options);
  static int object;
  static std::atomic<long> deleted;
  const pinned_thread reader(domain);  // so that all of it is pending
  std::atomic<bool> stop = false;
  std::atomic<int> quota = 0;  // so that it is busy around each fork, and memory is not without bound
  std::thread busy([&] {
    for (int retired = 0; !stop;)
      if (retired < quota) {
        domain.retire(
            &object, [](void*, void*) noexcept { ++deleted; }, nullptr, 8);
        ++retired;
      }
  });
  for (int round = 0; round < 20; ++round) {
    quota += 50'000;
    std::this_thread::sleep_for(100us);
    deleted = 0;
    // A bag that is sealed while it is counted is counted twice.
    const long at_least = static_cast<long>(domain.statistics().pending_objects) - 59;
    const int status = in_child([&] {
      domain.barrier();
      return deleted >= at_least && domain.statistics().pending_objects == 0 ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << "round " << round;
  }
  stop = true;
  busy.join();
}

TEST(epoch_lifetimes, a_fork_within_a_region_and_within_a_deleter_leaves_the_child_whole) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  epoch_domain domain(by_hand());
  const pinned_thread other(domain);
  {
    const epoch_guard guard(domain);
    EXPECT_EQ(in_child([&domain] { return domain.slot().pinned() && domain.advance() && !domain.advance() ? 0 : 1; }),
              0);
  }
  epoch_domain second(by_hand());
  int status = -1;
  second.retire(new node, [&status, &second](node* dead) {
    delete dead;
    status = in_child([&second] {
      second.retire(new node);
      return second.advance() ? 0 : 1;
    });
  });
  second.barrier();
  EXPECT_EQ(status, 0);
}

// Static objects may use the default domain as they are destroyed.
struct static_user {
  bool active = false;
  ~static_user() {
    if (!active) return;
    const epoch_guard guard;
    epoch_domain::default_domain().retire(new node);
  }
};
static_user before_all;

TEST(epoch_lifetimes_death, static_destructors_may_use_the_default_domain) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        before_all.active = true;
        epoch_domain::default_domain().retire(new node);
        cistern::background_reclaimer::set_period(1ms);
        std::thread([] { epoch_domain::default_domain().retire(new node); }).join();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
