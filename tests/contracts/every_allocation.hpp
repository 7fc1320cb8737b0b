// SPDX-License-Identifier: MIT
#pragma once

// "Every allocation fails once": runs a piece of code with its first allocation failing, then with its second, and so
// on until it makes no more; then all of that again with every later allocation failing too.
//
//     TEST(bucket_pool, loses_nothing_when_an_allocation_fails) {
//       cistern::contracts::every_allocation("bucket_pool", [](std::pmr::memory_resource& memory) {
//         bucket_pool pool(&memory);
//         ...
//       });
//     }
//
// The workload takes all its memory from the resource it is given, and does the same each time. It may let
// std::bad_alloc out or handle it; either way it must have given everything back when it ends. Keep it below 500
// allocations: the time goes with their square.

#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <memory_resource>
#include <new>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace cistern::contracts {

using allocating_workload = std::function<void(std::pmr::memory_resource&)>;

namespace detail {

/// Whether the n-th allocation was reached, and so failed.
inline bool fails_cleanly(std::uint64_t nth, failure_mode mode, const allocating_workload& workload,
                          std::pmr::memory_resource* upstream) {
  statistics_resource counted(upstream);
  fail_nth_resource failing(nth, mode, &counted);
  const std::string where = (mode == failure_mode::transient ? "only allocation " : "every allocation from ") +
                            std::to_string(nth) + " failed";
  try {
    workload(failing);
  } catch (const std::bad_alloc&) {
    EXPECT_NE(failing.failures(), 0u) << where << ": std::bad_alloc, though nothing was made to fail";
  } catch (const std::exception& other) {
    ADD_FAILURE() << where << ": an exception that is not std::bad_alloc: " << other.what();
  }
  EXPECT_EQ(counted.snapshot().live_bytes, 0u) << where << ": " << to_string(counted.snapshot());
  EXPECT_EQ(counted.snapshot().live_blocks, 0u) << where;
  return failing.failures() != 0;
}

}  // namespace detail

/// Returns, and prints, how many allocations were made to fail. Stops at the first point that goes wrong.
inline std::uint64_t every_allocation(std::string_view name, const allocating_workload& workload,
                                      std::pmr::memory_resource* upstream = std::pmr::new_delete_resource()) {
  constexpr std::uint64_t most = 100'000;
  std::uint64_t points = 0;
  for (const failure_mode mode : {failure_mode::transient, failure_mode::persistent})
    for (std::uint64_t nth = 1; detail::fails_cleanly(nth, mode, workload, upstream); ++nth) {
      ++points;
      if (::testing::Test::HasFailure()) return points;
      if (nth == most) {
        ADD_FAILURE() << name << ": no end after " << most << " allocations; does it retry for ever?";
        return points;
      }
    }
  EXPECT_NE(points, 0u) << name << ": no allocation came through the resource";
  std::cout << "every_allocation: " << name << ": " << points << " failures, none skipped\n";
  return points;
}

}  // namespace cistern::contracts
