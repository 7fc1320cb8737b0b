// SPDX-License-Identifier: MIT
#include <cistern/allocators/deadline.hpp>

#include <chrono>

#include <gtest/gtest.h>

namespace {

using cistern::deadline_after;
using cistern::sync;
using moment = sync::clock::time_point;

TEST(deadline, lies_so_long_after_now) {
  const moment before = sync::now();
  const moment deadline = deadline_after(std::chrono::hours(1));
  EXPECT_GE(deadline, before + std::chrono::hours(1));
  EXPECT_LE(deadline, sync::now() + std::chrono::hours(1));
}

TEST(deadline, of_a_time_before_now_has_passed) { EXPECT_LT(deadline_after(std::chrono::hours(-1)), sync::now()); }

TEST(deadline, lies_no_later_than_there_are_moments) {
  EXPECT_EQ(deadline_after(std::chrono::nanoseconds::max()), moment::max());
  const auto left = moment::max() - sync::now();
  EXPECT_EQ(deadline_after(left + std::chrono::nanoseconds(1)), moment::max());
}

}  // namespace
