// SPDX-License-Identifier: MIT
//
// The ends of threads, pools, clocks and handles in every order; forks; every allocation fails once.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/object_pool.hpp>
#include <contracts/every_allocation.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::ageing_clock;
using cistern::object_ageing;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pooled;
using cistern::statistics_resource;
using cistern::contracts::every_allocation;
using cistern::contracts::detail::in_child;

struct living {
  static inline std::atomic<int> there{0};
  living() { ++there; }
  ~living() { --there; }
  living(const living&) = delete;
  living& operator=(const living&) = delete;
};

// ---- ends

// A thread that has used the pool and sleeps until it is told to end.
class sleeper {
 public:
  explicit sleeper(object_pool<living>& pool)
      : thread_([&] {
          pool.warm(100);
          pool.get().put();
          ready_.count_down();
          end_.wait();
        }) {
    ready_.wait();
  }
  ~sleeper() {
    end_.count_down();
    thread_.join();
  }
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;

 private:
  std::latch ready_{1}, end_{1};
  std::thread thread_;
};

TEST(object_pool_lifetime, gives_all_back_in_whatever_order_things_end) {
  enum end { thread, pool, clock, handle, another };
  std::array<end, 5> order{thread, pool, clock, handle, another};
  int orders = 0;
  do {
    // A pool ends before its clock.
    if (std::ranges::find(order, pool) > std::ranges::find(order, clock)) continue;
    ++orders;
    statistics_resource upstream(std::pmr::new_delete_resource());
    auto clocks = std::make_unique<ageing_clock>();
    object_pool_options options{.name = "ends", .upstream = &upstream, .clock = clocks.get(), .background = false};
    auto pools = std::make_unique<object_pool<living>>(options);
    auto threads = std::make_unique<sleeper>(*pools);
    pooled<living> held = pools->get(), other = pools->get();
    testing::internal::CaptureStderr();
    for (const end each : order) switch (each) {
        case thread:
          threads.reset();
          break;
        case pool:
          pools.reset();
          break;
        case clock:
          clocks.reset();
          break;
        case handle:
          held.put();
          break;
        case another:
          std::thread([&] { other.put(); }).join();
          break;
      }
    const bool was_out = std::ranges::find(order, pool) < std::ranges::find(order, handle) ||
                         std::ranges::find(order, pool) < std::ranges::find(order, another);
    EXPECT_EQ(!testing::internal::GetCapturedStderr().empty(), was_out);
    ASSERT_EQ(living::there, 0);
    ASSERT_EQ(upstream.snapshot().live_bytes, 0u);
  } while (std::ranges::next_permutation(order).found);
  EXPECT_EQ(orders, 60);
}

TEST(object_pool_lifetime, is_over_before_handles_of_threads_and_statics) {
  EXPECT_EQ(in_child([] {
              static std::optional<object_pool<living>> pool(object_pool_options{.name = "static"});
              static pooled<living> held = pool->get();
              std::thread([] {
                thread_local pooled<living> own;
                own = pool->get();
              }).join();
              pool->get().put();
              std::exit(0);  // the handle's destructor runs first, then the pool's
              return 1;
            }),
            0);
  EXPECT_EQ(in_child([] {
              static pooled<living> held;
              static object_pool<living> pool({.name = "static"});
              held = pool.get();
              thread_local pooled<living> late = pool.get();
              std::exit(0);  // the pool ends before the handle that is static
              return 1;
            }),
            0);
}

TEST(object_pool_lifetime, serves_the_child_of_a_fork) {
  for (const std::size_t limit : {object_pool_options::no_limit, std::size_t{64}}) {
    ageing_clock clock;
    object_pool<std::string> pool(
        {.name = "forks", .max_idle = limit, .ageing = object_ageing::two_ticks, .clock = &clock, .background = false});
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int number = 0; number < 3; ++number)
      threads.emplace_back([&, number] {
        std::array<pooled<std::string>, 50> held;
        while (!stop) {
          for (auto& each : held) each = pool.get();
          for (auto& each : held) each->assign(100, static_cast<char>('a' + number));
          for (auto& each : held) each.put();
          if (number == 0) clock.tick();
          if (number == 1) pool.clear();
        }
      });
    for (int round = 0; round < 20; ++round) {
      const int status = in_child([&] {
        std::array<pooled<std::string>, 200> held;
        for (int i = 0; i < 3; ++i) {
          for (auto& each : held) each = pool.get();
          for (auto& each : held) each->assign(50, 'x');
          for (auto& each : held) each.put();
          clock.tick();
        }
        pool.trim();
        const auto numbers = pool.statistics();
        return numbers.idle_threads + numbers.idle_depot == 0 ? 0 : 1;
      });
      EXPECT_EQ(status, 0) << "child " << round << (status == -SIGALRM ? " hung" : "");
      if (status != 0) break;
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
  }
}

// ---- memory that ends

object_pool_options on(std::pmr::memory_resource& memory) {
  return {.name = "failing", .upstream = &memory, .clock = nullptr};
}

template <class Pool>
void use(Pool& pool) {
  std::vector<typename Pool::handle> held;
  held.reserve(300);
  for (int i = 0; i < 300; ++i) try {
      held.push_back(pool.get());
    } catch (const std::bad_alloc&) {
      break;
    }
}

TEST(object_pool_failures, lose_nothing_when_an_allocation_fails) {
  every_allocation("object_pool", [](std::pmr::memory_resource& memory) {
    {
      object_pool<living> pool(on(memory));
      use(pool);
      pool.warm(200);
      std::thread([&] { use(pool); }).join();
      use(pool);
      const auto numbers = pool.statistics();
      EXPECT_EQ(numbers.live, 0u) << to_string(numbers);
      EXPECT_EQ(static_cast<std::size_t>(living::there), numbers.total);
      pool.clear();
      EXPECT_EQ(living::there, 0);
    }
    EXPECT_EQ(living::there, 0);
  });
}

TEST(object_pool_failures, lose_nothing_when_objects_age_one_by_one) {
  every_allocation("object_pool, ageing", [](std::pmr::memory_resource& memory) {
    ageing_clock clock;
    object_pool_options options = on(memory);
    options.ageing = object_ageing::two_ticks;
    options.min_idle = 10;
    options.clock = &clock;
    options.background = false;
    object_pool<living> pool(options);
    for (int round = 0; round < 4; ++round) {
      use(pool);
      std::thread([&] { use(pool); }).join();
      clock.tick();
    }
    EXPECT_EQ(pool.statistics().live, 0u);
  });
  EXPECT_EQ(living::there, 0);
}

TEST(object_pool_failures, have_others_that_share_a_budget_give_back_what_is_idle) {
  cistern::memory_budget budget(4 << 20);
  ageing_clock clock;
  object_pool<std::array<char, 4000>> one({.budget = &budget, .clock = &clock, .background = false});
  object_pool<std::array<char, 4000>> other({.budget = &budget, .clock = &clock, .background = false});
  for (int round = 0; round < 3; ++round)
    for (auto* const pool : {&one, &other}) {
      std::vector<pooled<std::array<char, 4000>>> held;
      for (int i = 0; i < 600; ++i) held.push_back(pool->get());  // more than half of it
    }
  const auto hold_too_many = [&] {
    std::vector<pooled<std::array<char, 4000>>> held;
    for (int i = 0; i < 2000; ++i) held.push_back(one.get());
  };
  EXPECT_THROW(hold_too_many(), std::bad_alloc);
}

// Hooks that allocate, and puts that must not.
TEST(object_pool_failures, put_without_an_allocation) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  object_pool<living> pool(on(upstream));
  use(pool);
  std::vector<pooled<living>> held;
  for (int i = 0; i < 100; ++i) held.push_back(pool.get());
  const auto before = upstream.snapshot().allocations;
  held.clear();
  EXPECT_EQ(upstream.snapshot().allocations, before);
}

}  // namespace
