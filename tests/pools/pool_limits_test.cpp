// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory_resource>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::ageing_clock;
using cistern::bucket_pool;
using cistern::memory_budget;
using cistern::pool_options;
using cistern::statistics_resource;
using cistern::when_full;

constexpr std::size_t limit = std::size_t{4} << 20;

pool_options limited(when_full full, std::pmr::memory_resource* upstream = nullptr) {
  return {.upstream = upstream, .max_bytes = limit, .full = full, .clock = nullptr};
}

// Gets blocks until there are no more.
std::vector<void*> fill(bucket_pool& pool, std::size_t bytes) {
  std::vector<void*> blocks;
  while (void* const block = pool.try_allocate(bytes)) blocks.push_back(block);
  return blocks;
}

void put_all(bucket_pool& pool, std::vector<void*>& blocks, std::size_t bytes) {
  for (void* const block : std::exchange(blocks, {})) pool.deallocate(block, bytes);
}

std::chrono::nanoseconds time_of(const auto& body) {
  const auto before = std::chrono::steady_clock::now();
  body();
  return std::chrono::steady_clock::now() - before;
}

TEST(pool_limits, takes_no_more_than_max_bytes_from_its_upstream) {
  for (const std::size_t bytes : {16u, 1000u, 100'000u, 262'144u, 500'000u}) {
    statistics_resource upstream(std::pmr::new_delete_resource());
    bucket_pool pool(limited(when_full::evict, &upstream));
    std::vector<void*> blocks = fill(pool, bytes);
    EXPECT_LE(upstream.snapshot().peak_bytes, limit) << bytes;
    EXPECT_GT(blocks.size() * bytes, limit / 2) << bytes;
    EXPECT_EQ(pool.statistics().failures, 1u);
    EXPECT_LE(pool.statistics().high_water, limit);
    put_all(pool, blocks, bytes);
  }
}

TEST(pool_limits, serves_again_as_soon_as_something_is_put) {
  for (const std::size_t bytes : {100u, 100'000u, 500'000u}) {
    bucket_pool pool(limited(when_full::fail));
    std::vector<void*> blocks = fill(pool, bytes);
    for (int i = 0; i < 100; ++i) {
      pool.deallocate(blocks.back(), bytes);
      blocks.back() = pool.try_allocate(bytes);
      ASSERT_NE(blocks.back(), nullptr) << bytes;
    }
    put_all(pool, blocks, bytes);
  }
}

TEST(pool_limits, fails_though_other_classes_are_idle_when_told_to) {
  bucket_pool pool(limited(when_full::fail));
  std::vector<void*> blocks = fill(pool, 1000);
  put_all(pool, blocks, 1000);
  EXPECT_EQ(pool.try_allocate(200'000), nullptr);
  pool.trim();
  void* const block = pool.try_allocate(200'000);
  EXPECT_NE(block, nullptr);
  pool.free(block);
}

TEST(pool_limits, evicts_what_is_idle_in_other_classes) {
  bucket_pool pool(limited(when_full::evict));
  for (const std::size_t bytes : {1000u, 200'000u, 16u, 1'000'000u, 50u}) {
    std::vector<void*> blocks = fill(pool, bytes);
    EXPECT_GT(blocks.size() * bytes, limit / 2) << bytes;
    put_all(pool, blocks, bytes);
  }
}

TEST(pool_limits, evicts_what_lies_idle_in_a_thread_that_sleeps) {
  bucket_pool pool(limited(when_full::evict));
  std::latch idle(1), done(1);
  std::thread sleeper([&] {
    std::vector<void*> blocks = fill(pool, 1000);
    put_all(pool, blocks, 1000);
    idle.count_down();
    done.wait();
    pool.deallocate(pool.allocate(1000), 1000);
  });
  idle.wait();
  std::vector<void*> blocks = fill(pool, 200'000);
  EXPECT_GT(blocks.size() * 200'000, limit / 2);
  put_all(pool, blocks, 200'000);
  done.count_down();
  sleeper.join();
}

// ---- waiting

TEST(pool_limits, goes_on_when_memory_has_come_back) {
  for (const std::size_t bytes : {1000u, 200'000u, 500'000u}) {
    pool_options options = limited(when_full::wait);
    options.max_wait = 100ms;
    bucket_pool pool(options);
    std::vector<void*> blocks = fill(pool, bytes);
    const std::uint64_t waits = pool.statistics().waits;
    std::thread other([&] {
      std::this_thread::sleep_for(20ms);
      pool.deallocate(blocks.back(), bytes);
    });
    // The last of fill() has waited in vain; this one may have to be called again on a slow machine.
    void* block = nullptr;
    for (int i = 0; i < 50 && block == nullptr; ++i) block = pool.try_allocate(bytes);
    other.join();
    ASSERT_NE(block, nullptr) << bytes;
    EXPECT_GT(pool.statistics().waits, waits);
    blocks.back() = block;
    put_all(pool, blocks, bytes);
  }
}

TEST(pool_limits, waits_no_longer_than_it_may) {
  for (const std::size_t bytes : {1000u, 500'000u}) {
    pool_options options = limited(when_full::wait);
    options.max_wait = 50ms;
    bucket_pool pool(options);
    std::vector<void*> blocks = fill(pool, bytes);
    const auto failures = pool.statistics().failures;
    const auto time = time_of([&] { EXPECT_EQ(pool.try_allocate(bytes), nullptr); });
    EXPECT_GE(time, 50ms);
    EXPECT_LT(time, 5s);
    EXPECT_EQ(pool.statistics().failures, failures + 1);
    put_all(pool, blocks, bytes);
  }
}

TEST(pool_limits, may_wait_for_as_long_as_there_is_time) {
  for (const std::size_t bytes : {200'000u, 500'000u}) {
    pool_options options = limited(when_full::wait);
    options.max_wait = std::chrono::nanoseconds::max();
    bucket_pool pool(options);
    std::vector<void*> blocks;
    while (pool.statistics().taken + 2 * bytes < limit) blocks.push_back(pool.allocate(bytes));
    std::atomic<bool> given{false};
    std::thread other([&] {
      std::this_thread::sleep_for(50ms);
      given = true;
      put_all(pool, blocks, bytes);
    });
    std::vector<void*> more;
    while (!given && more.size() < 100) more.push_back(pool.try_allocate(bytes));
    other.join();
    for (void* const block : more) {
      EXPECT_NE(block, nullptr) << bytes;
      pool.free(block);
    }
  }
}

TEST(pool_limits, does_not_wait_for_what_can_never_be) {
  pool_options options = limited(when_full::wait);
  options.max_wait = 30s;
  bucket_pool pool(options);
  EXPECT_LT(time_of([&] { EXPECT_EQ(pool.try_allocate(limit + 1), nullptr); }), 10s);
  EXPECT_LT(time_of([&] { EXPECT_EQ(pool.try_allocate(SIZE_MAX), nullptr); }), 10s);
}

TEST(pool_limits, serves_many_threads_that_wait_for_each_other) {
  pool_options options = limited(when_full::wait);
  options.max_wait = 20s;
  bucket_pool pool(options);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 4; ++number)
    threads.emplace_back([&, bytes = 150'000 + number * 100'000] {
      for (int round = 0; round < 60; ++round) {
        void* const one = pool.try_allocate(bytes);
        failed += one == nullptr;
        std::this_thread::yield();
        pool.free(one);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

// ---- budgets

TEST(pool_limits, shares_a_budget_with_another_pool) {
  memory_budget budget(limit);
  {
    bucket_pool one({.budget = &budget, .clock = nullptr}), other({.budget = &budget, .clock = nullptr});
    std::vector<void*> blocks = fill(one, 10'000);
    EXPECT_GT(budget.used(), limit / 2);
    EXPECT_EQ(other.try_allocate(200'000), nullptr);
    EXPECT_EQ(budget.used(), one.statistics().taken + other.statistics().taken);
    put_all(one, blocks, 10'000);
    one.trim();
    void* const block = other.try_allocate(200'000);
    EXPECT_NE(block, nullptr);
    other.free(block);
    EXPECT_LE(budget.high_water(), limit);
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(pool_limits, has_others_that_share_its_budget_give_back_what_is_idle) {
  for (const std::size_t bytes : {200'000u, 500'000u}) {
    memory_budget budget(limit);
    ageing_clock clock;
    bucket_pool one({.budget = &budget, .clock = &clock}), other({.budget = &budget, .clock = &clock});
    std::vector<void*> blocks = fill(one, 10'000);
    put_all(one, blocks, 10'000);
    void* const block = other.try_allocate(bytes);
    EXPECT_NE(block, nullptr);
    other.free(block);
  }
}

TEST(pool_limits, gives_its_part_of_a_budget_back_when_an_option_is_wrong) {
  memory_budget budget(limit);
  EXPECT_THROW(bucket_pool({.upstream = std::pmr::null_memory_resource(), .budget = &budget}), std::bad_alloc);
  EXPECT_EQ(budget.used(), 0u);
  memory_budget small(100);
  EXPECT_THROW(bucket_pool({.budget = &small}), std::bad_alloc);
  EXPECT_EQ(small.used(), 0u);
}

TEST(pool_limits, follows_a_budget_that_changes) {
  memory_budget budget(limit);
  bucket_pool pool({.budget = &budget, .clock = nullptr});
  void* const block = pool.allocate(500'000);
  budget.set_limit(0);
  EXPECT_EQ(pool.try_allocate(500'000), nullptr);
  pool.free(block);
  budget.set_limit(limit);
  pool.free(pool.allocate(500'000));
}

// The one's locks are held as the other is asked: the other must not have all pools age, nor wait.
TEST(pool_limits, stands_on_a_pool_whose_budget_is_spent) {
  for (const when_full full : {when_full::evict, when_full::wait}) {
    memory_budget budget(6 << 20);
    ageing_clock clock;
    bucket_pool outer({.budget = &budget, .full = full, .clock = &clock});
    bucket_pool inner({.upstream = &outer, .full = full, .max_wait = 1ms, .clock = &clock});
    std::vector<void*> blocks = fill(inner, 4000);
    EXPECT_GT(blocks.size() * 4000, std::size_t{3} << 20);
    put_all(inner, blocks, 4000);
    inner.trim();
    EXPECT_GT(outer.statistics().gets, 0u);
  }
}

TEST(pool_limits, counts_as_taken_only_what_it_got) {
  memory_budget budget(8 << 20);
  bucket_pool pool({.budget = &budget, .clock = nullptr});
  void* const block = pool.allocate(64);
  EXPECT_EQ(pool.try_allocate(std::size_t{1} << 50), nullptr);
  EXPECT_EQ(pool.try_allocate(std::size_t{16} << 20), nullptr);
  EXPECT_EQ(pool.statistics().high_water, pool.statistics().taken);
  pool.deallocate(block, 64);
}

TEST(pool_limits, does_not_wait_for_more_than_a_budget_will_ever_have) {
  memory_budget budget(8 << 20);
  bucket_pool pool({.budget = &budget, .full = when_full::wait, .max_wait = 10s, .clock = nullptr});
  EXPECT_LT(time_of([&] { EXPECT_EQ(pool.try_allocate(std::size_t{16} << 20), nullptr); }), 5s);
  bucket_pool boundless({.full = when_full::wait, .max_wait = 10s, .clock = nullptr});
  EXPECT_LT(time_of([&] { EXPECT_EQ(boundless.try_allocate(SIZE_MAX / 2), nullptr); }), 5s);
}

// ---- idle bytes

TEST(pool_limits, keeps_no_more_idle_than_it_may_in_threads_and_in_the_depot) {
  for (const std::size_t most : {std::size_t{0}, std::size_t{100}, std::size_t{100'000}}) {
    bucket_pool pool({.max_idle_bytes = most, .clock = nullptr});
    std::size_t idle = 0;
    for (int round = 0; round < 3; ++round)
      for (const std::size_t bytes : {40'000u, 1000u, 64u}) {
        std::vector<void*> blocks(2'000'000 / bytes);
        ASSERT_EQ(pool.allocate_batch(bytes, blocks), blocks.size());
        pool.deallocate_batch(bytes, blocks);
        std::thread([&] {
          ASSERT_EQ(pool.allocate_batch(bytes, blocks), blocks.size());
          pool.deallocate_batch(bytes, blocks);
        }).join();
        const cistern::pool_statistics now = pool.statistics();
        idle = now.cached_threads + now.cached_depot;
        EXPECT_LE(idle, most);
        EXPECT_EQ(now.live, 0u);
      }
    EXPECT_GE(idle, most > 4096 ? most / 2 : 0);  // it may keep so much, and it does
  }
}

TEST(pool_limits, keeps_in_a_thread_what_its_classes_may_however_wide_they_are) {
  struct {
    std::size_t largest_kept, bytes;
  } const cases[] = {{std::size_t{256} << 10, 4096}, {std::size_t{256} << 10, 32768}, {std::size_t{1} << 20, 131072}};
  for (const auto& [kept, bytes] : cases) {
    bucket_pool pool({.classes = cistern::powers_of_two({.smallest = 16, .largest = std::size_t{1} << 20}),
                      .max_idle_bytes = std::size_t{1} << 30,
                      .clock = nullptr});
    for (std::size_t size = bytes / 2 + bytes / 8; size <= bytes; size += bytes / 8) {  // four steps have this class
      std::vector<void*> blocks(200);
      ASSERT_EQ(pool.allocate_batch(size, blocks), blocks.size());
      pool.deallocate_batch(size, blocks);
    }
    EXPECT_GT(pool.statistics().cached_threads, 0u);
    EXPECT_LE(pool.statistics().cached_threads, kept) << bytes;
  }
}

TEST(pool_limits, counts_what_leaves_the_depot_against_no_limit) {
  bucket_pool pool({.max_idle_bytes = 100'000, .clock = nullptr});
  std::vector<void*> blocks(20'000);
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(pool.allocate_batch(64, blocks), blocks.size());
    pool.deallocate_batch(64, blocks);
    if (round % 3 == 0) pool.trim();
  }
  ASSERT_EQ(pool.allocate_batch(64, blocks), blocks.size());
  pool.deallocate_batch(64, blocks);
  EXPECT_GT(pool.statistics().cached_threads + pool.statistics().cached_depot, 50'000u);
}

}  // namespace
