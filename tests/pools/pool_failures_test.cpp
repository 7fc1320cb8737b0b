// SPDX-License-Identifier: MIT
//
// Every allocation of a pool's upstream fails once: nothing is lost, and nothing but std::bad_alloc comes out.
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <contracts/every_allocation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory_resource>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::bucket_pool;
using cistern::buffer;
using cistern::memory_budget;
using cistern::pool_options;
using cistern::when_full;
using cistern::contracts::every_allocation;

pool_options on(std::pmr::memory_resource& memory) {
  return {.name = "failing", .upstream = &memory, .clock = nullptr};
}

// Gets and puts without an exception, whatever fails; what was got holds what was written.
void use_at_every_size(bucket_pool& pool) {
  std::vector<std::pair<void*, std::size_t>> held;
  for (const std::size_t bytes : {16u, 64u, 1000u, 5000u, 70'000u, 262'144u, 300'000u})
    for (int i = 0; i < 5; ++i)
      if (void* const block = pool.try_allocate(bytes)) {
        std::memset(block, 0x5A, bytes);
        held.emplace_back(block, bytes);
      }
  for (const auto& [block, bytes] : held) {
    EXPECT_EQ(static_cast<unsigned char*>(block)[bytes - 1], 0x5A);
    pool.deallocate(block, bytes);
  }
}

// What a pool must be like when all blocks are back, and then it must still serve.
void expect_sound(bucket_pool& pool) {
  const cistern::pool_statistics now = pool.statistics();
  EXPECT_EQ(now.live, 0u) << to_string(now);
  EXPECT_EQ(now.large, 0u) << to_string(now);
  pool.trim();
}

TEST(pool_failures, lose_nothing_in_any_class) {
  every_allocation("bucket_pool, all sizes", [](std::pmr::memory_resource& memory) {
    bucket_pool pool(on(memory));
    use_at_every_size(pool);
    expect_sound(pool);
    use_at_every_size(pool);
    expect_sound(pool);
  });
}

TEST(pool_failures, let_nothing_but_bad_alloc_out) {
  every_allocation("bucket_pool, exceptions", [](std::pmr::memory_resource& memory) {
    bucket_pool pool(on(memory));
    std::vector<buffer> held;
    for (std::size_t bytes = 1; bytes < 2'000'000; bytes = bytes * 3 + 1) held.push_back(pool.get(bytes));
    std::pmr::list<std::pmr::string> lines(&pool);
    for (int i = 0; i < 100; ++i) lines.emplace_back("a line that does not lie within its string");
    std::vector<int, cistern::allocator<int>> numbers(pool);
    for (int i = 0; i < 100'000; ++i) numbers.push_back(i);
  });
}

TEST(pool_failures, lose_nothing_when_magazines_fill_and_empty) {
  every_allocation("bucket_pool, magazines", [](std::pmr::memory_resource& memory) {
    bucket_pool pool(on(memory));
    std::array<void*, 3000> blocks{};
    for (int round = 0; round < 3; ++round) {
      const std::size_t got = pool.allocate_batch(1000, blocks);
      for (std::size_t i = 0; i < got; ++i) std::memset(blocks[i], static_cast<int>(i), 1000);
      for (std::size_t i = 0; i < got; ++i) ASSERT_EQ(*static_cast<unsigned char*>(blocks[i]), i % 256);
      pool.deallocate_batch(1000, std::span(blocks).first(got));
      expect_sound(pool);
    }
  });
}

TEST(pool_failures, lose_nothing_in_caches_of_threads) {
  every_allocation("bucket_pool, threads", [](std::pmr::memory_resource& memory) {
    bucket_pool pool(on(memory));
    std::array<void*, 300> blocks{};
    std::size_t got = 0;
    std::thread([&] { got = pool.allocate_batch(200, blocks); }).join();
    std::thread([&] { pool.deallocate_batch(200, std::span(blocks).first(got)); }).join();
    std::thread([&] { use_at_every_size(pool); }).join();
    use_at_every_size(pool);
    expect_sound(pool);
  });
}

TEST(pool_failures, lose_nothing_when_blocks_grow) {
  every_allocation("bucket_pool, realloc", [](std::pmr::memory_resource& memory) {
    bucket_pool pool(on(memory));
    void* block = pool.try_allocate(10);
    if (block != nullptr) *static_cast<char*>(block) = 'a';
    for (const std::size_t bytes : {100u, 1000u, 300'000u, 900'000u, 400'000u, 1000u, 5u}) {
      void* const moved = pool.realloc(block, bytes);
      if (moved == nullptr) continue;
      if (block != nullptr) {
        EXPECT_EQ(*static_cast<char*>(moved), 'a') << bytes;
      }
      block = moved;
      *static_cast<char*>(block) = 'a';
    }
    pool.free(block);
    expect_sound(pool);
  });
}

TEST(pool_failures, lose_no_large_blocks) {
  every_allocation("bucket_pool, large blocks", [](std::pmr::memory_resource& memory) {
    pool_options options = on(memory);
    options.classes = cistern::size_class_table({16, 32});
    bucket_pool pool(options);
    std::array<void*, 150> blocks{};
    const std::size_t got = pool.allocate_batch(100, blocks);
    pool.deallocate_batch(100, std::span(blocks).first(got));
    pool.deallocate(pool.try_allocate(10, 1 << 17), 10, 1 << 17);
    expect_sound(pool);
  });
}

TEST(pool_failures, lose_nothing_in_special_pools) {
  const std::pair<std::string_view, void (*)(pool_options&)> kinds[] = {
      {"bucket_pool, canaries", [](pool_options& options) { options.canaries = true; }},
      {"bucket_pool, quarantine", [](pool_options& options) { options.quarantine_bytes = 100'000; }},
      {"bucket_pool, zeroes", [](pool_options& options) { options.zero_on_get = options.zero_on_put = true; }},
      {"bucket_pool, passing through", [](pool_options& options) { options.pass_through = true; }},
      {"bucket_pool, guards", [](pool_options& options) { options.guard_one_in = 3; }},
      {"bucket_pool, pages", [](pool_options& options) { options.alignment = 4096; }},
      {"bucket_pool, no idle bytes", [](pool_options& options) { options.max_idle_bytes = 0; }},
  };
  for (const auto& [name, change] : kinds)
    every_allocation(name, [change = change](std::pmr::memory_resource& memory) {
      pool_options options = on(memory);
      change(options);
      bucket_pool pool(options);
      use_at_every_size(pool);
      std::thread([&] { use_at_every_size(pool); }).join();
      if (options.quarantine_bytes == 0) expect_sound(pool);
    });
}

TEST(pool_failures, leave_budgets_as_they_were) {
  every_allocation("bucket_pool, budget", [](std::pmr::memory_resource& memory) {
    memory_budget budget(8 << 20);
    struct budget_is_back {
      memory_budget& spent;
      ~budget_is_back() { EXPECT_EQ(spent.used(), 0u); }
    } const at_the_end{budget};
    pool_options options = on(memory);
    options.budget = &budget;
    options.full = when_full::fail;
    bucket_pool pool(options), other(options);
    use_at_every_size(pool);
    use_at_every_size(other);
    expect_sound(pool);
  });
}

TEST(pool_failures, lose_nothing_when_blocks_outlive_the_pool) {
  every_allocation("bucket_pool, blocks out", [](std::pmr::memory_resource& memory) {
    std::optional<bucket_pool> pool(on(memory));
    std::vector<buffer> held;
    for (std::size_t bytes = 10; bytes < 1'000'000; bytes *= 7) held.push_back(pool->try_get(bytes));
    ::testing::internal::CaptureStderr();  // a line for each
    pool.reset();
    ::testing::internal::GetCapturedStderr();
    std::thread([&] { held.clear(); }).join();
  });
}

// A put must not need memory: all of them after the upstream has run dry.
TEST(pool_failures, cannot_be_by_a_put) {
  cistern::statistics_resource counted(std::pmr::new_delete_resource());
  cistern::fail_nth_resource failing(&counted);
  {
    bucket_pool pool(on(failing));
    std::array<void*, 5000> blocks{};
    ASSERT_EQ(pool.allocate_batch(100, blocks), blocks.size());
    void* const large = pool.allocate(1'000'000);
    failing.fail_next(1, cistern::failure_mode::persistent);
    std::thread([&] { pool.deallocate_batch(100, std::span(blocks).first(1000)); }).join();
    pool.deallocate_batch(100, std::span(blocks).subspan(1000));
    pool.free(large);
    EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
    pool.trim();
    EXPECT_EQ(pool.statistics().cached_threads + pool.statistics().cached_depot, 0u);
  }
  EXPECT_EQ(counted.snapshot().live_bytes, 0u);
}

}  // namespace
