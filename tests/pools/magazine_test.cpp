// SPDX-License-Identifier: MIT
#include <cistern/pools/detail/magazine.hpp>

#include <array>
#include <cstddef>

#include <gtest/gtest.h>

namespace {

using cistern::detail::loaded;
using cistern::detail::magazine;
using cistern::detail::magazine_stack;

TEST(magazine, is_full_whatever_its_capacity_when_its_top_is_at_its_end) {
  magazine one{};
  for (const std::size_t capacity : {std::size_t{2}, std::size_t{10}, magazine::most}) {
    void** top = one.bottom(capacity);
    for (std::size_t i = 0; i < capacity; ++i, ++top) EXPECT_FALSE(magazine::full(top)) << capacity;
    EXPECT_TRUE(magazine::full(top)) << capacity;
  }
}

TEST(magazine, is_found_by_any_top_and_by_a_limit_at_its_end) {
  std::array<magazine, 3> some{};
  for (void** top = some[1].bottom(magazine::most); top <= &some[1].word[magazine::words]; ++top)
    EXPECT_EQ(magazine::of(top), &some[1]);
}

TEST(magazine, keeps_its_count_and_its_place_in_a_list_beside_its_pointers) {
  magazine one{}, other{};
  for (void** each = one.bottom(magazine::most); !magazine::full(each); ++each) *each = &other;
  one.set_next(&other);
  one.set_stored(61);
  EXPECT_EQ(one.next(), &other);
  EXPECT_EQ(one.stored(), 61u);
  for (void** each = one.bottom(magazine::most); !magazine::full(each); ++each) EXPECT_EQ(*each, &other);
}

TEST(magazine, is_empty_when_its_top_is_about_to_be_put_right) {
  magazine one{};
  void** const limit = one.bottom(10) + 4;
  EXPECT_EQ((loaded{limit, limit + 3}.count()), 3u);
  EXPECT_TRUE((loaded{limit, limit}.empty()));
  EXPECT_TRUE((loaded{limit, limit - 1}.empty()));
  EXPECT_EQ((loaded{limit, limit - 1}.count()), 0u);
}

TEST(magazine, of_nobody_is_full_and_empty_at_once) {
  const loaded nothing = loaded::nothing();
  EXPECT_FALSE(nothing.has_magazine());
  EXPECT_TRUE(nothing.empty());
  EXPECT_TRUE(magazine::full(nothing.top));
}

TEST(magazine_stack, gives_the_last_one_first) {
  std::array<magazine, 3> some{};
  magazine_stack stack;
  for (magazine& each : some) stack.push(&each);
  EXPECT_EQ(stack.size, 3u);
  for (std::size_t i = 3; i-- > 0;) EXPECT_EQ(stack.pop(), &some[i]);
  EXPECT_EQ(stack.pop(), nullptr);
  EXPECT_EQ(stack.size, 0u);
}

TEST(magazine_stack, cuts_off_those_that_have_lain_longest) {
  for (std::size_t count = 0; count <= 6; ++count) {
    std::array<magazine, 5> some{};
    magazine_stack stack;
    for (magazine& each : some) stack.push(&each);
    magazine_stack oldest = stack.split_oldest(count);
    const std::size_t cut = count < 5 ? count : 5;
    EXPECT_EQ(oldest.size, cut);
    EXPECT_EQ(stack.size, 5 - cut);
    for (std::size_t i = 5; i-- > cut;) EXPECT_EQ(stack.pop(), &some[i]) << count;
    for (std::size_t i = cut; i-- > 0;) EXPECT_EQ(oldest.pop(), &some[i]) << count;
    EXPECT_EQ(stack.pop(), nullptr);
    EXPECT_EQ(oldest.pop(), nullptr);
  }
}

}  // namespace
