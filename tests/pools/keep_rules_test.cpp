// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/pools/keep_rules.hpp>
#include <cistern/pools/object_pool.hpp>

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace {

using cistern::object_pool;
using cistern::pool_tests::without_clock;

struct by_use {
  cistern::keep_by_use rule{};
  bool keep(const std::string& text, std::uint8_t& strikes) { return rule(text.size(), text.capacity(), strikes); }
  void reset(std::string& text) { text.clear(); }
};

TEST(keep_by_use, bears_four_small_uses_of_a_large_object_and_no_fifth) {
  object_pool<std::string, by_use> pool(without_clock());
  pool.get()->assign(100'000, 'x');
  for (int i = 0; i < 4; ++i) {
    pool.get()->assign(100, 'x');
    EXPECT_EQ(pool.statistics().dropped, 0u) << i;
  }
  pool.get()->assign(100, 'x');
  EXPECT_EQ(pool.statistics().refused, 1u);
}

TEST(keep_by_use, forgives_when_a_large_object_is_needed_again) {
  object_pool<std::string, by_use> pool(without_clock());
  for (int i = 0; i < 100; ++i) pool.get()->assign(i % 5 == 0 ? 100'000 : 100, 'x');
  EXPECT_EQ(pool.statistics().dropped, 0u);
}

TEST(keep_by_use, keeps_small_ones_always_and_the_largest_never) {
  cistern::keep_by_use rule{.never = 1'000'000};
  std::uint8_t strikes = 0;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(rule(0, 4096, strikes));
  EXPECT_FALSE(rule(1'000'001, 1'000'001, strikes));
  EXPECT_TRUE(cistern::keep_up_to{}(65'536));
  EXPECT_FALSE(cistern::keep_up_to{}(65'537));
}

}  // namespace
