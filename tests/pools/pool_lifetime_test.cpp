// SPDX-License-Identifier: MIT
//
// Ends of threads, pools and processes. What static destructors may do is in the contract.
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>
#include <latch>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

namespace {

using cistern::blocks_out;
using cistern::bucket_pool;
using cistern::buffer;
using cistern::pool_options;
using cistern::statistics_resource;
using cistern::contracts::detail::in_child;

pool_options without_clock(std::pmr::memory_resource* upstream = nullptr) {
  return {.name = "ends", .upstream = upstream, .clock = nullptr};
}

// What body writes to standard error, in a child that must exit with 0.
std::string said_by(const std::function<void()>& body) {
  std::array<int, 2> pipe_ends{};
  EXPECT_EQ(pipe(pipe_ends.data()), 0);
  const int status = in_child([&] {
    dup2(pipe_ends[1], STDERR_FILENO);
    body();
    return 0;
  });
  EXPECT_EQ(status, 0);
  close(pipe_ends[1]);
  std::string said(4096, '\0');
  const ssize_t count = read(pipe_ends[0], said.data(), said.size());
  said.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  close(pipe_ends[0]);
  return said;
}

// ---- threads

TEST(pool_lifetime, serves_threads_that_end_before_it) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    bucket_pool pool(without_clock(&upstream));
    std::vector<buffer> held;
    for (int i = 0; i < 20; ++i)
      std::thread([&] {
        held.push_back(pool.get(1000));
        const buffer also_used = pool.get(100);
      }).join();
    EXPECT_EQ(pool.statistics().threads, 1u);
    held.clear();
    EXPECT_EQ(pool.statistics().live, 0u);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(pool_lifetime, takes_idle_memory_of_threads_that_end_after_it_along) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  std::optional<bucket_pool> pool(without_clock(&upstream));
  std::latch idle(4), ended(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      pool->free(pool->allocate(100));
      idle.count_down();
      ended.wait();
      bucket_pool another;  // the thread's words still tell of the one that is gone
      another.free(another.allocate(100));
    });
  idle.wait();
  pool.reset();
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
  ended.count_down();
  for (std::thread& thread : threads) thread.join();
}

TEST(pool_lifetime, takes_no_more_memory_for_thousands_of_short_threads) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  bucket_pool pool(without_clock(&upstream));
  const auto threads = [&pool](int count) {
    for (int i = 0; i < count; ++i)
      std::thread([&pool, i] {
        std::array<void*, 100> blocks{};
        if (pool.allocate_batch(64, blocks) == blocks.size()) pool.deallocate_batch(64, blocks);
        pool.free(pool.allocate(static_cast<std::size_t>(i % 10) * 100));
      }).join();
  };
  threads(20);
  const std::size_t taken = pool.statistics().taken;
  threads(2000);
  EXPECT_EQ(pool.statistics().taken, taken);
  EXPECT_EQ(pool.statistics().threads, 1u);
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(pool_lifetime, hands_blocks_of_ended_threads_on_to_others) {
  bucket_pool pool(without_clock());
  std::vector<void*> blocks(10'000);
  std::thread([&] { EXPECT_EQ(pool.allocate_batch(64, blocks), blocks.size()); }).join();
  const std::size_t taken = pool.statistics().taken;
  for (int i = 0; i < 10; ++i) {
    std::thread([&] { pool.deallocate_batch(64, blocks); }).join();
    std::thread([&] { EXPECT_EQ(pool.allocate_batch(64, blocks), blocks.size()); }).join();
  }
  EXPECT_LE(pool.statistics().taken, taken + (std::size_t{2} << 20));
  pool.deallocate_batch(64, blocks);
}

// ---- the pool's end

TEST(pool_lifetime, says_nothing_when_all_blocks_are_back) {
  EXPECT_EQ(said_by([] {
              bucket_pool pool(without_clock());
              pool.free(pool.allocate(100));
              pool.free(pool.allocate(1'000'000));
              std::thread([&] { pool.free(pool.allocate(100)); }).join();
            }),
            "");
}

TEST(pool_lifetime, says_how_much_is_out_when_it_ends) {
  EXPECT_EQ(said_by([] {
              bucket_pool pool(without_clock());
              for (int i = 0; i < 3; ++i) static_cast<void>(pool.allocate(100));
              pool.free(pool.allocate(5000));
            }),
            "cistern: pool \"ends\" ended with 3 blocks (336 bytes) out\n");
  EXPECT_EQ(said_by([] {
              bucket_pool pool(without_clock());
              static_cast<void>(pool.allocate(100));
              static_cast<void>(pool.allocate(1'000'000));
            }),
            "cistern: pool \"ends\" ended with 2 blocks (1000112 bytes) out\n");
}

// Puts after the pool's end, on the thread that used it and on another: then all memory is with the upstream.
void put_after_the_end(const pool_options& options, const std::vector<std::size_t>& sizes, bool elsewhere) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  pool_options counted = options;
  counted.upstream = &upstream;
  std::optional<bucket_pool> pool(counted);
  std::vector<buffer> held;
  for (const std::size_t bytes : sizes) {
    held.push_back(pool->get(bytes));
    std::memset(held.back().data(), 0x44, bytes);
  }
  pool->free(pool->allocate(10));
  pool.reset();
  EXPECT_GT(upstream.snapshot().live_bytes, 0u);
  for (const buffer& each : held)
    for (const std::byte byte : each.span()) ASSERT_EQ(byte, std::byte{0x44});
  const auto put_all = [&held] { held.clear(); };
  if (elsewhere)
    std::thread(put_all).join();
  else
    put_all();
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(pool_lifetime, takes_blocks_back_after_its_end) {
  for (const bool elsewhere : {false, true}) {
    put_after_the_end(without_clock(), {100}, elsewhere);
    put_after_the_end(without_clock(), std::vector<std::size_t>(500, 64), elsewhere);
    put_after_the_end(without_clock(), {1, 100, 5000, 262'144, 1'000'000}, elsewhere);
    put_after_the_end(without_clock(), {1'000'000, 2'000'000}, elsewhere);
  }
}

TEST(pool_lifetime, takes_special_blocks_back_after_its_end) {
  for (const bool elsewhere : {false, true}) {
    pool_options options = without_clock();
    options.canaries = true;
    put_after_the_end(options, {1, 100, 5000, 1'000'000}, elsewhere);
    options.quarantine_bytes = 10'000;
    put_after_the_end(options, {1, 100, 5000, 1'000'000}, elsewhere);
    options = without_clock();
    options.pass_through = true;
    put_after_the_end(options, {1, 100, 5000, 1'000'000}, elsewhere);
    options = without_clock();
    options.guard_one_in = 2;
    put_after_the_end(options, {1, 100, 5000, 1'000'000}, elsewhere);
  }
}

TEST(pool_lifetime, lets_containers_end_after_it) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    std::optional<bucket_pool> pool(without_clock(&upstream));
    std::vector<int, cistern::allocator<int>> numbers(1000, 7, *pool);
    pool.reset();
    EXPECT_EQ(numbers.back(), 7);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(pool_lifetime, takes_blocks_back_from_many_threads_after_its_end) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  for (int round = 0; round < 20; ++round) {
    std::optional<bucket_pool> pool(without_clock(&upstream));
    std::array<std::vector<buffer>, 4> held;
    for (std::vector<buffer>& each : held)
      for (std::size_t i = 0; i < 50; ++i) each.push_back(pool->get(i * 40));
    pool.reset();
    std::vector<std::thread> threads;
    for (std::vector<buffer>& each : held) threads.emplace_back([&each] { each.clear(); });
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(upstream.snapshot().live_bytes, 0u);
  }
}

TEST(pool_lifetime, makes_way_for_a_pool_of_the_same_name) {
  buffer held;
  {
    bucket_pool pool(without_clock());
    held = pool.get(100);
  }
  bucket_pool again(without_clock());
  EXPECT_EQ(cistern::find_pool("ends"), &again);
  held.reset();
  EXPECT_EQ(cistern::find_pool("ends"), &again);
}

TEST(pool_lifetime_death, ends_the_program_with_blocks_out_when_told_to) {
  pool_options options = without_clock();
  options.at_end = blocks_out::abort;
  EXPECT_DEATH(
      {
        bucket_pool pool(options);
        static_cast<void>(pool.allocate(100));
      },
      "cistern: pool \"ends\" ended with 1 blocks \\(112 bytes\\) out");
  bucket_pool pool(options);
  pool.free(pool.allocate(100));
}

// ---- fork

TEST(pool_lifetime, serves_the_child_of_a_fork) {
  const pool_options kinds[] = {
      {.name = "plain", .clock = nullptr},
      {.name = "quarantine", .clock = nullptr, .quarantine_bytes = 1'000'000},
      {.name = "guarded", .clock = nullptr, .guard_one_in = 5},
      {.name = "passing", .clock = nullptr, .pass_through = true},
  };
  for (const pool_options& options : kinds) {
    bucket_pool pool(options);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < 3; ++number)
      threads.emplace_back([&, number] {
        while (!stop) {
          std::array<void*, 100> blocks{};
          const std::size_t got = pool.allocate_batch(std::size_t{64} << number, blocks);
          pool.deallocate_batch(std::size_t{64} << number, std::span(blocks).first(got));
          for (const std::size_t bytes : {200'000u, 500'000u}) pool.free(pool.allocate(bytes));
        }
      });
    buffer before = pool.get(100), large = pool.get(1'000'000);
    for (int round = 0; round < 30; ++round) {
      const int status = in_child([&] {
        std::array<void*, 1000> blocks{};
        for (int i = 0; i < 4; ++i) {
          if (pool.allocate_batch(64U << i, blocks) != blocks.size()) return 1;
          pool.deallocate_batch(64U << i, blocks);
        }
        before.reset();
        large.reset();
        pool.trim();
        return 0;
      });
      EXPECT_EQ(status, 0) << options.name << ", child " << round << (status == -SIGALRM ? " hung" : "");
      if (status != 0) break;
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
  }
}

// Magazines that are on their way to spans at a fork are still known in the child.
TEST(pool_lifetime, loses_nothing_in_a_fork_while_it_is_trimmed) {
  bucket_pool pool({.name = "trimmed", .clock = nullptr});
  std::atomic<bool> stop{false};
  std::atomic<int> out{0};  // blocks in the hands of the thread below, or about to be
  std::thread trimmer([&] {
    std::vector<void*> blocks(30'000);
    while (!stop) {
      out = 1;
      pool.allocate_batch(64, blocks);
      pool.deallocate_batch(64, blocks);
      out = 0;
      pool.trim();
    }
  });
  int idle_forks = 0;
  for (int round = 0; round < 400 && idle_forks < 60; ++round) {
    while (out != 0) std::this_thread::yield();
    const int status = in_child([&] {
      if (out != 0) return 2;
      pool.trim();
      return pool.statistics().live == 0 ? 0 : 1;
    });
    if (status == 2) continue;
    ++idle_forks;
    EXPECT_EQ(status, 0) << "child " << round;
    if (status != 0) break;
  }
  EXPECT_GT(idle_forks, 0);
  stop = true;
  trimmer.join();
}

TEST(pool_lifetime, leaves_no_caches_of_threads_that_are_not_in_the_child) {
  bucket_pool pool(without_clock());
  std::latch ready(3), done(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      pool.free(pool.allocate(64));
      ready.count_down();
      done.wait();
    });
  ready.wait();
  EXPECT_EQ(in_child([&] {
              pool.trim();
              return pool.statistics().threads == 0 && pool.statistics().cached_threads == 0 ? 0 : 1;
            }),
            0);
  done.count_down();
  for (std::thread& thread : threads) thread.join();
}

// ---- late destructors

// Uses the pool in its destructor, and puts there what it has got before.
struct late_user {
  bucket_pool* pool = nullptr;
  std::vector<buffer> held;
  std::atomic<int>* good = nullptr;

  late_user(bucket_pool& of, std::atomic<int>& count) : pool(&of), good(&count) {
    for (const std::size_t bytes : {64u, 1000u, 1'000'000u}) held.push_back(pool->get(bytes));
  }
  ~late_user() {
    const buffer more = pool->try_get(64);
    held.clear();
    *good += more && !pool->statistics().name.empty();
  }
};

TEST(pool_lifetime, serves_destructors_of_thread_local_objects_and_keys) {
  for (const bool canaries : {false, true}) {
    pool_options options = without_clock();
    options.canaries = canaries;
    bucket_pool pool(options);
    std::atomic<int> good{0};
    pthread_key_t key{};
    ASSERT_EQ(pthread_key_create(&key, [](void* user) { delete static_cast<late_user*>(user); }), 0);
    for (int i = 0; i < 50; ++i)
      std::thread([&] {
        static_cast<void>(pthread_setspecific(key, new late_user(pool, good)));
        thread_local std::optional<late_user> local;
        local.emplace(pool, good);
      }).join();
    EXPECT_EQ(good, 100);
    EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
    pthread_key_delete(key);
  }
}

// A key's destructor that sets the key again is called again, after everybody else's.
TEST(pool_lifetime, serves_a_key_destructor_in_the_last_round) {
  bucket_pool pool(without_clock());
  static pthread_key_t key;
  struct again {
    bucket_pool* pool;
    int rounds;
    buffer held;
  };
  ASSERT_EQ(pthread_key_create(&key,
                               [](void* value) {
                                 auto* const self = static_cast<again*>(value);
                                 self->held = self->pool->get(64);
                                 if (++self->rounds < 4)
                                   pthread_setspecific(key, self);
                                 else
                                   delete self;
                               }),
            0);
  for (int i = 0; i < 50; ++i) std::thread([&] { pthread_setspecific(key, new again{&pool, 0, pool.get(64)}); }).join();
  EXPECT_EQ(pool.statistics().live, 0u) << to_string(pool.statistics());
  EXPECT_LE(pool.statistics().threads, 1u);
  pthread_key_delete(key);
}

}  // namespace
