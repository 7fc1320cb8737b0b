// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <contracts/every_allocation.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

namespace {

using cistern::fail_nth_resource;
using cistern::failure_mode;

const cistern::contracts::memory_resource_contract contract{{
    .name = "fail_nth_resource",
    .make = [] { return std::make_unique<fail_nth_resource>(&cistern::backend("system")); },
}};

// Which of the next allocations fail, as text: "..x." for the third of four.
std::string tried(fail_nth_resource& failing, int times) {
  std::string outcome;
  for (int i = 0; i < times; ++i) try {
      failing.deallocate(failing.allocate(8), 8);
      outcome += '.';
    } catch (const std::bad_alloc&) {
      outcome += 'x';
    }
  return outcome;
}

TEST(fail_nth_resource, fails_the_nth_allocation_only) {
  fail_nth_resource failing(3, failure_mode::transient);
  EXPECT_EQ(tried(failing, 6), "..x...");
  EXPECT_EQ(failing.allocations(), 6u);
  EXPECT_EQ(failing.failures(), 1u);
}

TEST(fail_nth_resource, fails_the_nth_and_all_later_ones) {
  fail_nth_resource failing(3, failure_mode::persistent);
  EXPECT_EQ(tried(failing, 6), "..xxxx");
  EXPECT_EQ(failing.failures(), 4u);
}

TEST(fail_nth_resource, fails_nothing_until_told) {
  fail_nth_resource failing;
  EXPECT_EQ(tried(failing, 3), "...");
  failing.fail_next();
  EXPECT_EQ(tried(failing, 3), "x..");
  failing.fail_next(2, failure_mode::persistent);
  EXPECT_EQ(tried(failing, 3), ".xx");
  failing.fail_next(0);
  EXPECT_EQ(tried(failing, 3), "...");
}

TEST(fail_nth_resource, takes_blocks_back_while_all_allocations_fail) {
  fail_nth_resource failing;
  void* const block = failing.allocate(100);
  failing.fail_next(1, failure_mode::persistent);
  failing.deallocate(block, 100);
  EXPECT_EQ(failing.failures(), 0u);
}

TEST(fail_nth_resource, is_equal_when_the_upstream_is) {
  fail_nth_resource one, same, other(std::pmr::null_memory_resource());
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other);
  EXPECT_NE(one, *one.upstream_resource());
}

TEST(fail_nth_resource, fails_exactly_one_over_threads) {
  fail_nth_resource failing(1000, failure_mode::transient);
  std::atomic<std::size_t> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { failed += static_cast<std::size_t>(std::ranges::count(tried(failing, 1000), 'x')); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 1u);
  EXPECT_EQ(failing.allocations(), 4000u);
}

// ---- the helper that drives it

TEST(every_allocation, tries_each_in_both_modes) {
  const auto workload = [](std::pmr::memory_resource& memory) {
    std::pmr::map<int, std::pmr::string> names(&memory);
    for (int i = 0; i < 10; ++i) names.emplace(i, std::string(40, 'x'));
  };
  EXPECT_EQ(cistern::contracts::every_allocation("std::pmr::map", workload), 2u * 20u);
}

// What fails_cleanly() finds wrong when the second allocation fails.
std::string complaint(const cistern::contracts::allocating_workload& workload) {
  std::pmr::monotonic_buffer_resource swallows_leaks;
  testing::TestPartResultArray found;
  {
    const testing::ScopedFakeTestPartResultReporter reporter(&found);
    static_cast<void>(cistern::contracts::detail::fails_cleanly(2, failure_mode::transient, workload, &swallows_leaks));
  }
  return found.size() != 0 ? found.GetTestPartResult(0).message() : "";
}

TEST(every_allocation, notices_a_leak_on_the_way_of_a_failure) {
  EXPECT_THAT(complaint([](std::pmr::memory_resource& memory) {
                void* const first = memory.allocate(10);
                memory.deallocate(memory.allocate(20), 20);
                memory.deallocate(first, 10);
              }),
              testing::HasSubstr("only allocation 2 failed: live 10 bytes in 1 block"));
}

TEST(every_allocation, notices_another_exception) {
  EXPECT_THAT(complaint([](std::pmr::memory_resource& memory) {
                memory.deallocate(memory.allocate(10), 10);
                try {
                  memory.deallocate(memory.allocate(20), 20);
                } catch (...) {
                  throw std::logic_error("not ready");
                }
              }),
              testing::HasSubstr("not std::bad_alloc: not ready"));
}

TEST(every_allocation, is_content_when_nothing_is_lost) {
  EXPECT_EQ(complaint([](std::pmr::memory_resource& memory) {
              for (int i = 0; i < 3; ++i) memory.deallocate(memory.allocate(10), 10);
            }),
            "");
}

}  // namespace
