// SPDX-License-Identifier: MIT
#include <cistern/allocators/arena_scope.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/allocators/thread_arenas.hpp>
#include <contracts/every_allocation.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <algorithm>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <latch>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

namespace {

using cistern::ageing_clock;
using cistern::arena;
using cistern::arena_scope;
using cistern::statistics_resource;
using cistern::thread_arenas;

// The calling thread's arena as a resource: also in thread-local and static destructors.
class local_resource final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return arenas_.local().allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    arenas_.local().deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  thread_arenas arenas_;
};

const cistern::contracts::memory_resource_contract contract{{
    .name = "thread_arenas",
    .make = [] { return std::make_unique<local_resource>(); },
    .thread_safe = false,        // blocks end with their thread
    .bounded_by_system = false,  // and not before
}};

void use(arena& memory, std::size_t bytes) { std::memset(memory.allocate(bytes), 1, bytes); }

struct counted_arenas {
  statistics_resource upstream{std::pmr::new_delete_resource()};
  ageing_clock clock;
  std::optional<thread_arenas> arenas{std::in_place, cistern::arena_options{.upstream = &upstream, .clock = &clock}};

  std::size_t held() const { return upstream.snapshot().live_bytes; }
};

TEST(thread_arenas, has_one_arena_for_each_thread) {
  counted_arenas all;
  arena* const mine = &all.arenas->local();
  EXPECT_EQ(&all.arenas->local(), mine);
  std::thread([&] {
    EXPECT_NE(&all.arenas->local(), mine);
    EXPECT_EQ(&all.arenas->local(), &all.arenas->local());
    EXPECT_EQ(all.arenas->statistics().threads, 2u);
  }).join();
}

TEST(thread_arenas, keeps_its_instances_apart) {
  counted_arenas one, other;
  EXPECT_NE(&one.arenas->local(), &other.arenas->local());
  use(one.arenas->local(), 10'000);
  EXPECT_EQ(other.arenas->local().used_bytes(), 0u);
  EXPECT_GT(one.arenas->statistics().in_use_bytes, 10'000u);
}

TEST(thread_arenas, frees_an_arena_when_its_thread_ends) {
  counted_arenas all;
  use(all.arenas->local(), 100);
  const std::size_t before = all.held();
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      use(all.arenas->local(), 100'000);
      all.arenas->local().reset();
      EXPECT_GT(all.held(), before + 100'000);
      EXPECT_EQ(all.arenas->statistics().threads, 2u);
    }).join();
    EXPECT_EQ(all.held(), before);
    EXPECT_EQ(all.arenas->statistics().threads, 1u);
  }
}

TEST(thread_arenas, frees_the_arenas_of_threads_that_outlive_it) {
  counted_arenas all;
  std::latch used(3), gone(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      use(all.arenas->local(), 100'000);
      used.count_down();
      gone.wait();
    });
  used.wait();
  EXPECT_GT(all.held(), 300'000u);
  all.arenas.reset();
  EXPECT_EQ(all.held(), 0u);
  gone.count_down();
  for (std::thread& thread : threads) thread.join();
}

TEST(thread_arenas, is_new_to_threads_that_knew_another_in_its_place) {
  for (int i = 0; i < 3; ++i) {
    counted_arenas all;
    EXPECT_EQ(all.arenas->local().used_bytes(), 0u);
    use(all.arenas->local(), 1000);
  }
}

TEST(thread_arenas, may_be_used_by_thread_local_destructors) {
  counted_arenas all;
  struct late {
    thread_arenas* arenas = nullptr;
    ~late() {
      if (arenas != nullptr) use(arenas->local(), 10'000);
    }
  };
  for (const bool used_before : {false, true}) {
    std::thread([&] {
      thread_local late at_the_end;
      at_the_end.arenas = &*all.arenas;
      if (used_before) use(all.arenas->local(), 100);
    }).join();
    EXPECT_EQ(all.held(), 0u);
  }
}

// Destructors of thread-specific data run in rounds, and the registry's hook ends the thread's arenas in the last one.
// A key that was made later is told after it in the same round.
struct very_late {
  // ThreadSanitizer takes its own state of a thread away in the last round, and the registry ends one earlier.
  static constexpr int rounds = PTHREAD_DESTRUCTOR_ITERATIONS - CISTERN_TSAN;

  counted_arenas all;
  pthread_key_t key{};
  std::atomic<int> served{0}, refused{0};

  static void destructor(void* self) {
    auto& the = *static_cast<very_late*>(self);
    try {
      use(the.all.arenas->local(), 10'000);
      ++the.served;
    } catch (const std::bad_alloc&) {
      ++the.refused;
    }
    if (the.served + the.refused < rounds) pthread_setspecific(the.key, self);
  }
};

TEST(thread_arenas, refuses_a_thread_that_nobody_would_hear_the_end_of) {
  very_late test;
  use(test.all.arenas->local(), 100);  // now the registry has its key
  const std::size_t before = test.all.held();
  ASSERT_EQ(pthread_key_create(&test.key, very_late::destructor), 0);
  std::thread([&] {
    use(test.all.arenas->local(), 100);
    pthread_setspecific(test.key, &test);
  }).join();
  EXPECT_GE(test.served, 1);
  EXPECT_GE(test.refused, 1);
  EXPECT_EQ(test.served + test.refused, very_late::rounds);
  EXPECT_EQ(test.all.held(), before);
  pthread_key_delete(test.key);
}

TEST(thread_arenas, checks_its_options_at_once) {
  EXPECT_THROW(thread_arenas({.first_block = 0}), std::invalid_argument);
}

TEST(thread_arenas, gives_everything_back_whichever_allocation_fails) {
  cistern::contracts::every_allocation("thread_arenas", [](std::pmr::memory_resource& memory) {
    ageing_clock clock;
    thread_arenas arenas({.upstream = &memory, .clock = &clock});
    const auto work = [&] {
      const arena_scope scope(arenas.local());
      use(scope.memory(), 20'000);
    };
    std::thread([&] {
      try {
        work();
      } catch (const std::bad_alloc&) {
      }
    }).join();
    work();
  });
}

TEST(thread_arenas, ages_the_arenas_of_threads_that_sleep) {
  counted_arenas all;
  std::latch used(1), aged(1);
  std::thread sleeper([&] {
    use(all.arenas->local(), 1 << 20);
    all.arenas->local().reset();
    used.count_down();
    aged.wait();
  });
  used.wait();
  EXPECT_GT(all.arenas->statistics().spare_bytes, std::size_t{1} << 20);
  for (int i = 0; i < 15; ++i) all.clock.tick();
  EXPECT_EQ(all.arenas->statistics().spare_bytes, 0u);
  aged.count_down();
  sleeper.join();
}

TEST(thread_arenas, lives_with_threads_that_come_and_go_and_a_clock_that_ticks) {
  counted_arenas all;
  std::atomic<bool> stop{false};
  std::thread ticker([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      all.clock.tick();
      EXPECT_LE(all.arenas->statistics().threads, 3u);
    }
  });
  for (int round = 0; round < 100; ++round) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 3; ++i)
      threads.emplace_back([&all, i] {
        for (std::size_t task = 0; task < 20; ++task) {
          const arena_scope scope(all.arenas->local());
          use(scope.memory(), 3000 * (i + task % 5));
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  stop.store(true, std::memory_order_relaxed);
  ticker.join();
  EXPECT_EQ(all.held(), 0u);
}

TEST(thread_arenas, can_be_used_and_destroyed_in_the_child_of_a_fork) {
  statistics_resource upstream(&cistern::backend("pages"));  // which needs no lock of a sanitizer
  ageing_clock clock;
  std::optional<thread_arenas> arenas{std::in_place, cistern::arena_options{.upstream = &upstream, .clock = &clock}};
  use(arenas->local(), 10'000);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        use(arenas->local(), 100'000);
        arenas->local().reset();
        clock.tick();
      }
    });
  threads.emplace_back([&] {
    while (!stop.load(std::memory_order_relaxed)) static_cast<void>(arenas->statistics());
  });
  for (int i = 0; i < 30; ++i) {
    const int status = cistern::contracts::detail::in_child([&] {
      use(arenas->local(), 10'000);
      clock.tick();
      const bool all_there = arenas->statistics().threads >= 1;
      arenas.reset();
      return all_there ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << "child " << i << (status == -SIGALRM ? " hung" : "");
    if (status != 0) break;
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
}

TEST(thread_arenas, ages_in_the_child_of_a_fork_what_other_threads_left) {
  ageing_clock clock;
  thread_arenas arenas(
      {.first_block = 4096, .max_block = 4096, .upstream = &cistern::backend("pages"), .clock = &clock});
  std::atomic<bool> stop{false};
  std::latch used(1);
  std::thread other([&] {
    for (bool first = true; !stop.load(std::memory_order_relaxed); first = false) {
      // Enters and leaves blocks nearly all the time.
      for (int i = 0; i < 20; ++i) static_cast<void>(arenas.local().allocate(4000));
      arenas.local().reset();
      if (first) used.count_down();
    }
  });
  used.wait();
  for (int i = 0; i < 30; ++i) {
    const int status = cistern::contracts::detail::in_child([&] {
      for (int tick = 0; tick < 15; ++tick) clock.tick();
      return arenas.statistics().spare_bytes == 0 ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << "child " << i << (status == -SIGALRM ? " hung" : "");
    if (status != 0) break;
  }
  stop.store(true, std::memory_order_relaxed);
  other.join();
}

}  // namespace
