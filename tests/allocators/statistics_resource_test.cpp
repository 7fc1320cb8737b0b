// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <memory>
#include <memory_resource>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::statistics_resource;

const cistern::contracts::memory_resource_contract contract{{
    .name = "statistics_resource",
    .make = [] { return std::make_unique<statistics_resource>(&cistern::backend("system")); },
}};

TEST(statistics_resource, counts_what_is_live_and_what_was) {
  statistics_resource counted;
  void* const first = counted.allocate(100);
  void* const second = counted.allocate(20, 1);
  counted.deallocate(first, 100);
  const auto now = counted.snapshot();
  EXPECT_EQ(now.live_bytes, 20u);
  EXPECT_EQ(now.live_blocks, 1u);
  EXPECT_EQ(now.peak_bytes, 120u);
  EXPECT_EQ(now.allocations, 2u);
  EXPECT_EQ(now.deallocations, 1u);
  EXPECT_EQ(now.allocated_bytes, 120u);
  EXPECT_EQ(now.failures, 0u);
  counted.deallocate(second, 20, 1);
}

TEST(statistics_resource, counts_a_failure_and_nothing_else_when_the_upstream_fails) {
  statistics_resource counted(std::pmr::null_memory_resource());
  EXPECT_THROW((void)counted.allocate(100), std::bad_alloc);
  const auto now = counted.snapshot();
  EXPECT_EQ(now.failures, 1u);
  EXPECT_EQ(now.allocations, 0u);
  EXPECT_EQ(now.live_bytes, 0u);
  EXPECT_EQ(now.peak_bytes, 0u);
}

TEST(statistics_resource, starts_a_new_peak_at_what_is_live) {
  statistics_resource counted;
  void* const kept = counted.allocate(10);
  counted.deallocate(counted.allocate(1000), 1000);
  EXPECT_EQ(counted.snapshot().peak_bytes, 1010u);
  counted.reset_peak();
  EXPECT_EQ(counted.snapshot().peak_bytes, 10u);
  counted.deallocate(counted.allocate(50), 50);
  EXPECT_EQ(counted.snapshot().peak_bytes, 60u);
  counted.deallocate(kept, 10);
}

TEST(statistics_resource, tells_all_in_one_line) {
  statistics_resource counted;
  void* const block = counted.allocate(96);
  counted.deallocate(counted.allocate(1), 1);
  EXPECT_EQ(to_string(counted.snapshot()),
            "live 96 bytes in 1 block, peak 97 bytes; 2 allocations of 97 bytes, 1 deallocation, 0 failures");
  counted.deallocate(block, 96);
}

TEST(statistics_resource, is_equal_to_itself_only) {
  statistics_resource one, other;
  EXPECT_EQ(one, one);
  EXPECT_NE(one, other);
  EXPECT_NE(one, *one.upstream_resource());
}

// The same on every interleaving: tests/schedules/statistics_resource_test.cpp.
TEST(statistics_resource, is_exact_over_threads) {
  statistics_resource counted;
  std::vector<std::thread> threads;
  for (std::size_t bytes = 16; bytes <= 128; bytes *= 2)
    threads.emplace_back([&counted, bytes] {
      for (int i = 0; i < 5000; ++i) {
        counted.deallocate(counted.allocate(bytes), bytes);
        const auto now = counted.snapshot();
        EXPECT_LE(now.deallocations, now.allocations);
        EXPECT_LE(now.live_bytes, 240u);
      }
    });
  for (std::thread& thread : threads) thread.join();
  const auto end = counted.snapshot();
  EXPECT_EQ(end.live_bytes, 0u);
  EXPECT_EQ(end.allocations, 20'000u);
  EXPECT_EQ(end.allocated_bytes, 5000u * 240u);
  EXPECT_LE(end.peak_bytes, 240u);
}

}  // namespace
