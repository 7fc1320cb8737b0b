// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <latch>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using cistern::age_level;
using cistern::ageing_clock;
using cistern::bucket_pool;
using cistern::pool_options;
using cistern::pool_statistics;
using cistern::statistics_resource;

// What a pool and its caches keep for themselves when all blocks have gone back; and a chunk, which may stay with its
// pages given back as long as a thread's empty magazine lies in it.
constexpr std::size_t little = std::size_t{512} << 10, chunk = std::size_t{2} << 20;

// A pool with a clock of its own on counted pages.
class pool_ageing : public ::testing::Test {
 protected:
  pool_options options() { return {.upstream = &upstream, .clock = &clock}; }
  std::size_t taken() const { return upstream.snapshot().live_bytes; }
  void ticks(int count) {
    for (int i = 0; i < count; ++i) clock.tick();
  }

  ageing_clock clock;
  statistics_resource upstream{&cistern::backend("pages")};
};

// Some megabytes in blocks of a size; written to.
std::vector<void*> get_many(bucket_pool& pool, std::size_t bytes, std::size_t megabytes = 16) {
  std::vector<void*> blocks((megabytes << 20) / bytes);
  EXPECT_EQ(pool.allocate_batch(bytes, blocks), blocks.size());
  for (void* const block : blocks) std::memset(block, 0x5A, bytes);
  return blocks;
}

void use(bucket_pool& pool, std::size_t bytes) { pool.deallocate_batch(bytes, get_many(pool, bytes)); }

// Of blocks, in bytes.
std::size_t idle(const pool_statistics& now) {
  std::size_t bytes = 0;
  for (const cistern::class_statistics& of : now.classes)
    bytes += of.bytes * (of.cached_threads + of.cached_depot + of.retained);
  return bytes;
}

cistern::class_statistics class_of(const bucket_pool& pool, std::size_t bytes) {
  for (const cistern::class_statistics& of : pool.statistics().classes)
    if (of.bytes == bytes) return of;
  return {};
}

std::size_t resident_bytes() {
  std::ifstream numbers("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  numbers >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Of these blocks of a page each, how many have memory.
std::size_t resident(const std::vector<void*>& pages) {
  std::size_t count = 0;
  for (void* const page : pages) {
    unsigned char is_there = 0;
    count += mincore(page, 1, &is_there) == 0 && is_there % 2 == 1;
  }
  return count;
}

TEST_F(pool_ageing, gives_idle_memory_back_within_two_ticks) {
  for (const std::size_t bytes : {1024u, 16'384u, 65'536u, 262'144u}) {
    bucket_pool pool(options());
    use(pool, bytes);
    EXPECT_GT(taken(), std::size_t{16} << 20);
    ticks(2);
    EXPECT_EQ(idle(pool.statistics()), 0u) << bytes;
    EXPECT_LT(taken(), chunk + little) << bytes << ": " << to_string(pool.statistics());
  }
}

TEST_F(pool_ageing, gives_back_the_magazines_of_small_blocks_too) {
  bucket_pool pool(options());
  for (const std::size_t bytes : {16u, 48u, 64u}) use(pool, bytes);
  ticks(2);
  EXPECT_EQ(idle(pool.statistics()), 0u);
  ticks(2);
  EXPECT_LT(taken(), 3 * chunk + little) << to_string(pool.statistics());
}

TEST_F(pool_ageing, gives_back_what_a_thread_that_sleeps_has_idle) {
  bucket_pool pool(options());
  std::latch idle_now(1), wake(1);
  std::thread sleeper([&] {
    for (const std::size_t bytes : {64u, 1000u, 50'000u}) use(pool, bytes);
    idle_now.count_down();
    wake.wait();
    use(pool, 64);
  });
  idle_now.wait();
  ticks(4);
  EXPECT_EQ(idle(pool.statistics()), 0u);
  EXPECT_LT(taken(), 3 * chunk + little) << to_string(pool.statistics());
  wake.count_down();
  sleeper.join();
}

TEST_F(pool_ageing, gives_back_what_a_thread_that_ended_had) {
  bucket_pool pool(options());
  for (int i = 0; i < 4; ++i) std::thread([&] { use(pool, 1000); }).join();
  EXPECT_EQ(pool.statistics().threads, 1u);  // each had that of the one before
  ticks(4);
  EXPECT_EQ(pool.statistics().threads, 0u);
  EXPECT_LT(taken(), little) << to_string(pool.statistics());
}

// The same blocks in every period, more than a thread's magazine holds: no period needs memory of the upstream.
TEST_F(pool_ageing, keeps_what_is_used_steadily) {
  for (const std::size_t count : {10u, 62u, 1000u, 20'000u}) {
    bucket_pool pool(options());
    std::vector<void*> blocks(count);
    const auto period = [&] {
      for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(pool.allocate_batch(1000, blocks), count);
        pool.deallocate_batch(1000, blocks);
      }
      clock.tick();
    };
    for (int i = 0; i < 3; ++i) period();
    const std::uint64_t before = upstream.snapshot().allocations, trimmed = class_of(pool, 1024).trimmed;
    for (int i = 0; i < 10; ++i) period();
    EXPECT_EQ(upstream.snapshot().allocations, before) << count;
    EXPECT_EQ(class_of(pool, 1024).trimmed, trimmed) << count;
  }
}

TEST_F(pool_ageing, lets_go_what_a_smaller_working_set_does_not_need) {
  bucket_pool pool(options());
  use(pool, 1000);
  std::vector<void*> blocks(100);
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 10; ++j) {
      ASSERT_EQ(pool.allocate_batch(1000, blocks), blocks.size());
      pool.deallocate_batch(1000, blocks);
    }
    clock.tick();
  }
  EXPECT_LT(pool.statistics().cached_threads + pool.statistics().cached_depot, 200u * 1024)
      << to_string(pool.statistics());
  EXPECT_LT(taken(), 2 * chunk + little) << to_string(pool.statistics());  // what is left may lie in two
}

TEST_F(pool_ageing, gives_all_that_is_idle_back_when_trimmed) {
  bucket_pool pool(options());
  std::latch idle_now(1), wake(1);
  std::thread sleeper([&] {
    use(pool, 1000);
    idle_now.count_down();
    wake.wait();
  });
  idle_now.wait();
  for (const std::size_t bytes : {16u, 1000u, 50'000u, 262'144u}) use(pool, bytes);
  pool.trim();
  EXPECT_EQ(idle(pool.statistics()), 0u) << to_string(pool.statistics());
  EXPECT_LT(taken(), 5 * chunk + little) << to_string(pool.statistics());
  wake.count_down();
  sleeper.join();
}

TEST_F(pool_ageing, gives_all_that_is_idle_back_under_pressure) {
  bucket_pool pool(options());
  use(pool, 1000);
  clock.tick(age_level::pressure);
  EXPECT_EQ(idle(pool.statistics()), 0u);
  EXPECT_LT(taken(), chunk + little) << to_string(pool.statistics());
}

TEST_F(pool_ageing, keeps_everything_without_a_clock_until_trimmed) {
  bucket_pool pool({.upstream = &upstream, .clock = nullptr});
  use(pool, 1000);
  ticks(5);
  EXPECT_GT(taken(), std::size_t{16} << 20);
  pool.trim();
  EXPECT_LT(taken(), chunk + little);
}

// Magazines are spans of their own kind: they need not hold the chunks that blocks come from.
TEST_F(pool_ageing, gives_back_chunks_that_hold_nothing_but_empty_magazines) {
  bucket_pool pool(options());
  for (const std::size_t bytes : {64u, 1000u, 5000u, 50'000u}) use(pool, bytes);
  pool.trim();
  EXPECT_LT(taken(), chunk) << to_string(pool.statistics());
}

TEST_F(pool_ageing, says_whether_another_tick_is_worth_its_while) {
  bucket_pool pool(options());
  use(pool, 1000);
  EXPECT_TRUE(clock.tick());
  for (int i = 0; i < 10 && clock.tick(); ++i) continue;
  EXPECT_EQ(idle(pool.statistics()), 0u) << "the clock may stop, but there is something idle";
  EXPECT_FALSE(clock.tick());
}

// The thread that puts has no cache yet, and the reclaimer may sleep: nobody else has one either.
TEST(pool_ageing_by_itself, gives_back_what_a_thread_puts_that_is_new_to_the_pool) {
  using cistern::background_reclaimer;
  using namespace std::chrono_literals;
  background_reclaimer::set_period(5ms);
  const auto within_seconds = [](auto holds) {
    for (int i = 0; i < 2000 && !holds(); ++i) std::this_thread::sleep_for(5ms);
    return holds();
  };
  {
    bucket_pool pool;
    std::vector<void*> blocks(500);
    std::thread([&] { ASSERT_EQ(pool.allocate_batch(100, blocks), blocks.size()); }).join();
    EXPECT_TRUE(within_seconds([&] { return pool.statistics().threads == 0; })) << "the ended thread's cache stays";
    EXPECT_TRUE(within_seconds([&] { return background_reclaimer::statistics().asleep; })) << "it never sleeps";
    std::this_thread::sleep_for(100ms);  // it ticks once more after it has said so
    pool.deallocate_batch(100, blocks);
    EXPECT_TRUE(within_seconds([&] { return pool.statistics().cached_threads == 0; })) << to_string(pool.statistics());
  }
  background_reclaimer::set_period(1s);
}

// ---- pages within spans

TEST_F(pool_ageing, gives_free_pages_beside_live_blocks_back) {
  bucket_pool pool(options());
  std::vector<void*> blocks = get_many(pool, 4096), live, gone;
  for (std::size_t i = 0; i < blocks.size(); ++i) (i % 16 == 0 ? live : gone).push_back(blocks[i]);
  pool.deallocate_batch(4096, gone);
  ticks(4);
  EXPECT_LT(resident(gone), gone.size() / 20);
  EXPECT_EQ(resident(live), live.size());
  EXPECT_GT(pool.statistics().returned, gone.size() * 4096 * 9 / 10);
  for (void* const block : live)
    for (std::size_t at = 0; at < 4096; at += 64) ASSERT_EQ(static_cast<unsigned char*>(block)[at], 0x5A);
  blocks.resize(gone.size());
  ASSERT_EQ(pool.allocate_batch(4096, blocks), blocks.size());  // and they can be used again
  for (void* const block : blocks) std::memset(block, 0x77, 4096);
  for (void* const block : live) ASSERT_EQ(*static_cast<unsigned char*>(block), 0x5A);
  pool.deallocate_batch(4096, live);
  pool.deallocate_batch(4096, blocks);
}

TEST_F(pool_ageing, gives_free_pages_of_small_blocks_back) {
#if CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "the sanitizer's shadow counts too";
#endif
  bucket_pool pool(options());
  std::vector<void*> blocks = get_many(pool, 64, 64), live, gone;
  for (std::size_t i = 0; i < blocks.size(); ++i) (i % 1024 == 0 ? live : gone).push_back(blocks[i]);
  const std::size_t before = resident_bytes();
  pool.deallocate_batch(64, gone);
  pool.trim();
  EXPECT_LT(resident_bytes() + (std::size_t{50} << 20), before);
  for (void* const block : live) ASSERT_EQ(*static_cast<unsigned char*>(block), 0x5A);
  ASSERT_EQ(pool.allocate_batch(64, gone), gone.size());
  for (void* const block : gone) std::memset(block, 0x77, 64);
  for (void* const block : live) ASSERT_EQ(static_cast<unsigned char*>(block)[63], 0x5A);
  pool.deallocate_batch(64, gone);
  pool.deallocate_batch(64, live);
}

TEST_F(pool_ageing, keeps_pages_when_told_to) {
  pool_options keeping = options();
  keeping.return_pages = false;
  bucket_pool pool(keeping);
  std::vector<void*> blocks = get_many(pool, 4096), live, gone;
  for (std::size_t i = 0; i < blocks.size(); ++i) (i % 16 == 0 ? live : gone).push_back(blocks[i]);
  pool.deallocate_batch(4096, gone);
  pool.trim();
  EXPECT_EQ(resident(gone), gone.size());
  pool.deallocate_batch(4096, live);
}

// ---- while threads work

TEST_F(pool_ageing, damages_nothing_that_is_live) {
  bucket_pool pool(options());
  std::atomic<bool> stop{false};
  std::atomic<int> damaged{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      std::vector<std::pair<unsigned char*, std::size_t>> held(300);
      while (!stop) {
        auto& [block, bytes] = held[random() % held.size()];
        if (block != nullptr) {
          const auto mark = static_cast<unsigned char>(bytes);
          damaged += block[0] != mark || block[bytes / 2] != mark || block[bytes - 1] != mark;
          pool.deallocate(block, bytes);
        }
        bytes = 1 + random() % (std::size_t{1} << random() % 16);
        block = static_cast<unsigned char*>(pool.allocate(bytes));
        std::memset(block, static_cast<unsigned char>(bytes), bytes);
      }
      for (const auto& [block, bytes] : held) pool.deallocate(block, bytes);
    });
  for (int i = 0; i < 300; ++i) {
    clock.tick(i % 5 == 0 ? age_level::pressure : age_level::tick);
    if (i % 7 == 0) pool.trim();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(damaged, 0);
  EXPECT_EQ(pool.statistics().live, 0u);
  ticks(4);
  EXPECT_EQ(idle(pool.statistics()), 0u) << to_string(pool.statistics());
}

}  // namespace
