// SPDX-License-Identifier: MIT
//
// What costs time: canaries, the quarantine, guard pages, passing through. Zeroes are in bucket_pool_test.cpp, exact
// messages in tests/must_crash.
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using cistern::bucket_pool;
using cistern::pool_options;
using cistern::statistics_resource;

std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// Writes where no one may: a sanitizer would see it first.
__attribute__((no_sanitize("address"))) void write_at(void* block, std::ptrdiff_t offset) {
  static_cast<volatile char*>(block)[offset] = 'x';
}

bool ends_at_a_page(const void* block, std::size_t bytes) {
  return (reinterpret_cast<std::uintptr_t>(block) + bytes) % page() == 0;
}

// Pools with everything that there is.
const pool_options specials[] = {
    {.name = "canaries", .clock = nullptr, .canaries = true},
    {.name = "quarantine", .clock = nullptr, .quarantine_bytes = 100'000},
    {.name = "zeroes", .clock = nullptr, .zero_on_get = true, .zero_on_put = true},
    {.name = "passing", .clock = nullptr, .pass_through = true},
    {.name = "guarded", .clock = nullptr, .guard_one_in = 10},
    {.name = "all",
     .alignment = 64,
     .clock = nullptr,
     .zero_on_get = true,
     .zero_on_put = true,
     .canaries = true,
     .quarantine_bytes = 10'000,
     .guard_one_in = 7},
};

// Random gets and puts; what blocks hold is checked.
int damaged_in_random_use(bucket_pool& pool, unsigned seed, int steps) {
  std::mt19937 random(seed);
  std::vector<std::pair<unsigned char*, std::size_t>> held(100);
  int damaged = 0;
  const auto put = [&](unsigned char* block, std::size_t bytes) {
    const auto mark = static_cast<unsigned char>(bytes);
    damaged += std::any_of(block, block + bytes, [mark](unsigned char each) { return each != mark; });
    if (bytes % 2 == 0)
      pool.deallocate(block, bytes);
    else
      pool.free(block);
  };
  for (int i = 0; i < steps; ++i) {
    auto& [block, bytes] = held[random() % held.size()];
    if (block != nullptr) put(block, bytes);
    bytes = random() % (std::size_t{1} << random() % 17);
    block = static_cast<unsigned char*>(pool.allocate(bytes));
    std::memset(block, static_cast<unsigned char>(bytes), bytes);
  }
  for (const auto& [block, bytes] : held)
    if (block != nullptr) put(block, bytes);
  return damaged;
}

TEST(pool_special, keeps_what_blocks_hold) {
  for (const pool_options& options : specials) {
    statistics_resource upstream(std::pmr::new_delete_resource());
    pool_options counted = options;
    counted.upstream = &upstream;
    {
      bucket_pool pool(counted);
      EXPECT_EQ(damaged_in_random_use(pool, 1, 5000), 0) << options.name;
      pool.trim();
      EXPECT_EQ(damaged_in_random_use(pool, 2, 1000), 0) << options.name;
      EXPECT_EQ(pool.statistics().large, 0u) << options.name;
    }
    EXPECT_EQ(upstream.snapshot().live_bytes, 0u) << options.name;
  }
}

TEST(pool_special, keeps_what_blocks_of_many_threads_hold) {
  for (const pool_options& options : specials) {
    bucket_pool pool(options);
    std::atomic<int> damaged{0};
    std::vector<std::thread> threads;
    for (unsigned seed = 1; seed <= 4; ++seed)
      threads.emplace_back([&, seed] { damaged += damaged_in_random_use(pool, seed, 2000); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(damaged, 0) << options.name;
  }
}

// Whose thread-local words are as new.
TEST(pool_special, serves_a_thread_that_has_used_no_other_pool) {
  for (const pool_options& options : specials) {
    bucket_pool pool(options);
    bool got = false;
    std::thread([&] {
      void* const block = pool.try_allocate(64);
      got = block != nullptr;
      pool.deallocate(block, 64);
    }).join();
    EXPECT_TRUE(got) << options.name;
  }
}

TEST(pool_special, aligns_its_blocks) {
  for (const pool_options& options : specials) {
    bucket_pool pool(options);
    for (std::size_t alignment = 1; alignment <= (std::size_t{1} << 17); alignment *= 2)
      for (const std::size_t bytes : {0u, 1u, 100u, 5000u, 262'140u, 262'144u}) {
        void* const block = pool.allocate(bytes, alignment);
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % std::max(alignment, options.alignment), 0u)
            << options.name << ": " << bytes << " bytes at " << alignment;
        std::memset(block, 1, bytes);
        pool.deallocate(block, bytes, alignment);
      }
  }
}

TEST(pool_special, knows_sizes_as_they_were_asked_for_with_canaries) {
  bucket_pool pool({.clock = nullptr, .canaries = true});
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{8}, std::size_t{9}, std::size_t{262'144}}) {
    void* const block = pool.allocate(bytes);
    EXPECT_EQ(pool.usable_size(block), bytes);
    EXPECT_EQ(pool.get(bytes).capacity(), bytes);
    pool.free(block);
  }
}

// ---- quarantine

TEST(pool_special, lets_blocks_rest_before_they_are_used_again) {
  bucket_pool pool({.clock = nullptr, .quarantine_bytes = 6400});
  void* const rests = pool.allocate(64);
  pool.deallocate(rests, 64);
  for (int i = 0; i < 98; ++i) {
    void* const block = pool.allocate(64);
    ASSERT_NE(block, rests) << i;
    pool.deallocate(block, 64);
  }
}

TEST(pool_special, uses_blocks_again_when_they_have_rested) {
  bucket_pool pool({.clock = nullptr, .quarantine_bytes = 6400});
  std::set<void*> seen;
  for (int i = 0; i < 5000; ++i) {
    void* const block = pool.allocate(64);
    seen.insert(block);
    pool.deallocate(block, 64);
  }
  EXPECT_LT(seen.size(), 1000u);
}

TEST(pool_special, keeps_no_more_in_quarantine_than_it_may) {
  bucket_pool pool({.clock = nullptr, .quarantine_bytes = 100'000});
  for (int i = 0; i < 10'000; ++i) pool.free(pool.allocate(16));
  for (int i = 0; i < 100; ++i) pool.free(pool.allocate(50'000));
  pool.free(pool.allocate(200'000));
  for (int i = 0; i < 2'000; ++i) pool.free(pool.allocate(64));
  EXPECT_LE(pool.statistics().live, 100'000u) << "what rests counts as live";
}

TEST(pool_special, ends_a_quarantine_early_where_memory_is_short) {
  bucket_pool pool({.max_bytes = 2 << 20, .clock = nullptr, .quarantine_bytes = 4 << 20});
  for (int i = 0; i < 200; ++i) {
    void* const block = pool.try_allocate(65'536);
    ASSERT_NE(block, nullptr) << i;
    pool.free(block);
  }
  const cistern::pool_statistics numbers = pool.statistics();
  EXPECT_EQ(numbers.live, 0u);
  EXPECT_GT(numbers.resting, 0u);
  pool.trim();
  EXPECT_EQ(pool.statistics().resting, 0u);
  EXPECT_EQ(pool.statistics().retained, 0u);
}

TEST(pool_special, zeroes_what_a_large_block_grows_by) {
  bucket_pool pool({.clock = nullptr, .zero_on_get = true});
  auto* block = static_cast<unsigned char*>(pool.allocate(1 << 20));
  std::memset(block, 1, 1 << 20);
  block = static_cast<unsigned char*>(pool.realloc(block, 300'000));
  block = static_cast<unsigned char*>(pool.realloc(block, 303'000));
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(std::count(block, block + 300'000, 1), 300'000);
  EXPECT_EQ(std::count(block + 300'000, block + 303'000, 0), 3000);
  pool.free(block);
}

TEST(pool_special, ends_with_blocks_that_rest) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    bucket_pool pool({.upstream = &upstream, .clock = nullptr, .quarantine_bytes = 100'000});
    for (int i = 0; i < 500; ++i) pool.free(pool.allocate(static_cast<std::size_t>(i)));
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(pool_special, rests_blocks_that_other_threads_put) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    bucket_pool pool({.upstream = &upstream, .clock = nullptr, .quarantine_bytes = 10'000});
    for (int i = 0; i < 20; ++i) {
      void* const block = pool.allocate(500);
      std::thread([&] { pool.deallocate(block, 500); }).join();
    }
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

// ---- guard pages

TEST(pool_special, guards_one_get_in_so_many) {
  for (const std::size_t bytes : {std::size_t{4096}, std::size_t{12'288}}) {
    bucket_pool pool({.clock = nullptr, .guard_one_in = 10});
    std::vector<void*> blocks(1000);
    ASSERT_EQ(pool.allocate_batch(bytes, blocks), blocks.size());
    EXPECT_GE(pool.statistics().large_gets, 50u);
    EXPECT_LE(pool.statistics().large_gets, 200u);
    pool.deallocate_batch(bytes, blocks);
    EXPECT_EQ(pool.statistics().large, 0u);
  }
}

TEST(pool_special, guards_blocks_again_and_again) {
  bucket_pool pool({.clock = nullptr, .guard_one_in = 1});
  for (int i = 0; i < 1000; ++i) {
    void* const block = pool.allocate(1600);
    ASSERT_TRUE(ends_at_a_page(block, 1600));
    std::memset(block, 1, 1600);
    if (i % 2 == 0)
      pool.free(block);
    else
      std::thread([&] { pool.deallocate(block, 1600); }).join();
  }
}

TEST(pool_special_death, ends_the_program_at_an_overrun_of_a_guarded_block) {
  bucket_pool pool({.clock = nullptr, .guard_one_in = 1});
  void* const block = pool.allocate(1600);
  EXPECT_DEATH(write_at(block, 1600), "");
  EXPECT_DEATH(write_at(block, -4096), "");
  write_at(block, 1599);
  write_at(block, 0);
  pool.free(block);
}

TEST(pool_special_death, ends_the_program_at_a_use_after_put_of_a_guarded_block) {
  bucket_pool pool({.clock = nullptr, .guard_one_in = 1});
  void* const block = pool.allocate(100);
  pool.deallocate(block, 100);
  EXPECT_DEATH(write_at(block, 0), "");
  EXPECT_DEATH(std::fprintf(stderr, "%d\n", static_cast<volatile char*>(block)[50]), "");
}

TEST(pool_special_death, ends_the_program_when_a_guarded_block_is_put_wrongly) {
  bucket_pool pool({.name = "guarded", .clock = nullptr, .guard_one_in = 1});
  void* const block = pool.allocate(100);
  EXPECT_DEATH(pool.deallocate(block, 101), "pool \"guarded\".*: put as one of 101 bytes");
  EXPECT_DEATH(
      {
        pool.deallocate(block, 100);
        pool.deallocate(block, 100);
      },
      "pool \"guarded\".*: put");
  pool.free(block);
}

// ---- passing through

TEST(pool_special, has_every_block_from_the_upstream_when_passing_through) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  bucket_pool pool({.upstream = &upstream, .clock = nullptr, .pass_through = true});
  pool.free(pool.allocate(1));
  for (int round = 0; round < 10; ++round) {
    const auto before = upstream.snapshot();
    void* const block = pool.allocate(100);
    EXPECT_EQ(pool.usable_size(block), 100u);
    EXPECT_GE(upstream.snapshot().live_bytes, before.live_bytes + 100);
    EXPECT_GT(upstream.snapshot().allocations, before.allocations);
    pool.deallocate(block, 100);
    EXPECT_EQ(upstream.snapshot().live_bytes, before.live_bytes);
  }
}

TEST(pool_special_death, sees_a_wrong_put_when_passing_through) {
  bucket_pool pool({.name = "passing", .clock = nullptr, .pass_through = true});
  void* const block = pool.allocate(100);
  EXPECT_DEATH(pool.deallocate(block, 101), "pool \"passing\", class 100, .*: put as one of 101 bytes");
  EXPECT_DEATH(pool.free(static_cast<char*>(block) + 16), "put of a pointer into a block, not to its beginning");
  pool.free(block);
}

}  // namespace
