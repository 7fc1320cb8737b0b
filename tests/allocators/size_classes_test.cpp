// SPDX-License-Identifier: MIT
#include <cistern/allocators/size_classes.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::four_per_doubling;
using cistern::powers_of_two;
using cistern::size_class_map;
using cistern::size_class_table;
using testing::ElementsAre;
using testing::HasSubstr;

// ---- all of it works in constant expressions

constexpr four_per_doubling quarters;
static_assert(quarters.count() == 40 && quarters.smallest() == 16 && quarters.largest() == 32768);
static_assert(quarters.size_of(quarters.index_up(129)) == 160 && quarters.size_of(quarters.index_down(159)) == 128);
constexpr powers_of_two powers({.smallest = 1024, .largest = 16384});
static_assert(powers.count() == 5 && powers.index_up(1025) == 1 && powers.index_down(2047) == 0);
constexpr size_class_table frames{{24, 64, 1500, 9000}};
static_assert(frames.count() == 4 && frames.index_up(65) == 2 && frames.index_down(1499) == 1);

template <size_class_map Map>
std::vector<std::size_t> sizes_of(const Map& map) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < map.count(); ++i) sizes.push_back(map.size_of(i));
  return sizes;
}

// Everything that the concept promises, against a search through the list, for one number.
template <size_class_map Map>
::testing::AssertionResult agrees(const Map& map, const std::vector<std::size_t>& sizes, std::size_t number) {
  const auto up = static_cast<std::size_t>(std::ranges::lower_bound(sizes, number) - sizes.begin());
  const auto above = static_cast<std::size_t>(std::ranges::upper_bound(sizes, number) - sizes.begin());
  const std::size_t down = above == 0 ? sizes.size() : above - 1;
  if (map.index_up(number) == up && map.index_down(number) == down) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << number << " goes up to " << map.index_up(number) << " instead of " << up
                                       << " and down to " << map.index_down(number) << " instead of " << down;
}

template <size_class_map Map>
void check(const Map& map) {
  const std::vector<std::size_t> sizes = sizes_of(map);
  ASSERT_TRUE(std::ranges::is_sorted(sizes, std::less_equal{})) << "must ascend";
  EXPECT_EQ(sizes.front(), map.smallest());
  EXPECT_EQ(sizes.back(), map.largest());
  // Every number while that is cheap, then all around every class and every power of two.
  for (std::size_t number = 0; number <= std::min<std::size_t>(map.largest() + 100, 300'000); ++number)
    ASSERT_TRUE(agrees(map, sizes, number));
  for (const std::size_t size : sizes)
    for (const std::size_t number : {size - 1, size, size + 1}) ASSERT_TRUE(agrees(map, sizes, number));
  for (std::size_t bit = 0; bit < 64; ++bit)
    for (std::size_t offset = 0; offset < 3; ++offset)
      ASSERT_TRUE(agrees(map, sizes, (std::size_t{1} << bit) + offset - 1));
  ASSERT_TRUE(agrees(map, sizes, SIZE_MAX));
  // What is filed under a class holds what is taken from it.
  for (std::size_t index = 0; index < map.count(); ++index) {
    EXPECT_EQ(map.index_up(map.size_of(index)), index);
    EXPECT_EQ(map.index_down(map.size_of(index)), index);
  }
}

TEST(four_per_doubling, is_the_table_it_says_it_is) {
  EXPECT_THAT(sizes_of(four_per_doubling({.smallest = 16, .largest = 640})),
              ElementsAre(16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640));
}

TEST(four_per_doubling, agrees_with_a_search_through_its_sizes) {
  check(four_per_doubling());
  check(four_per_doubling({.smallest = 16, .largest = 16}));
  check(four_per_doubling({.smallest = 48, .largest = 224}));
  check(four_per_doubling({.smallest = 1024, .largest = 1024 * 1024}));
  check(four_per_doubling({.smallest = 16, .largest = std::size_t{1} << 63}));
}

TEST(powers_of_two, agrees_with_a_search_through_its_sizes) {
  check(powers_of_two());
  check(powers_of_two({.smallest = 1, .largest = 1}));
  check(powers_of_two({.smallest = 1, .largest = 4096}));
  check(powers_of_two({.smallest = 1024, .largest = 16384}));
  check(powers_of_two({.smallest = 8, .largest = std::size_t{1} << 63}));
}

TEST(size_class_table, takes_the_classes_of_another_map) {
  constexpr size_class_table table = powers_of_two({.smallest = 64, .largest = 4096});
  const powers_of_two map({.smallest = 64, .largest = 4096});
  ASSERT_EQ(table.count(), map.count());
  for (std::size_t bytes = 0; bytes <= 5000; ++bytes) {
    EXPECT_EQ(table.index_up(bytes), map.index_up(bytes)) << bytes;
    EXPECT_EQ(table.index_down(bytes), map.index_down(bytes)) << bytes;
  }
  EXPECT_THROW(size_class_table(four_per_doubling({.smallest = 16, .largest = std::size_t{1} << 50})),
               std::invalid_argument);
}

TEST(size_class_table, agrees_with_a_search_through_its_sizes) {
  check(frames);
  check(size_class_table{{1}});
  check(size_class_table{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 18, 1000, 1001, 1002, 1003, 2000}});
  check(size_class_table{{100, SIZE_MAX - 1}});
  check(size_class_table{{SIZE_MAX}});
  check(size_class_table{sizes_of(four_per_doubling())});
  check(size_class_table{sizes_of(powers_of_two({.smallest = 1, .largest = 65536}))});
  std::vector<std::size_t> crowded;
  for (std::size_t i = 0; i < size_class_table::max_count; ++i) crowded.push_back(100'001 + i);
  check(size_class_table{crowded});
}

// Waste as a share of the memory that is used: of all sizes together, and of the worst one.
struct waste {
  double average = 0, worst = 0;
};

template <size_class_map Map>
waste waste_of(const Map& map, std::size_t from, std::size_t to) {
  std::size_t asked = 0, used = 0;
  double worst = 0;
  for (std::size_t bytes = from; bytes <= to; ++bytes) {
    const std::size_t block = map.size_of(map.index_up(bytes));
    asked += bytes;
    used += block;
    worst = std::max(worst, static_cast<double>(block - bytes) / static_cast<double>(block));
  }
  return {static_cast<double>(used - asked) / static_cast<double>(used), worst};
}

TEST(four_per_doubling, wastes_as_little_as_it_says) {
  EXPECT_NEAR(waste_of(four_per_doubling(), 1, 32768).average, 0.077, 0.0005);
  const double worst = waste_of(four_per_doubling(), 129, 32768).worst;
  EXPECT_LT(worst, 0.20);
  EXPECT_GT(worst, 0.19);
}

TEST(powers_of_two, waste_as_much_as_they_say) {
  const waste here = waste_of(powers_of_two(), 17, 32768);
  EXPECT_NEAR(here.average, 0.25, 0.0005);
  EXPECT_LT(here.worst, 0.50);
  EXPECT_GT(here.worst, 0.49);
}

template <class Make>
std::string refusal(Make make) {
  try {
    static_cast<void>(make());
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(four_per_doubling, refuses_a_range_that_is_not_of_its_table) {
  const auto with = [](std::size_t smallest, std::size_t largest) {
    return refusal([=] { return four_per_doubling({.smallest = smallest, .largest = largest}); });
  };
  EXPECT_EQ(with(16, 1000), "cistern: size classes: 1000 is not one of four per doubling; take 1024");
  EXPECT_THAT(with(0, 1024), HasSubstr("0 is not one of four per doubling; take 16"));
  EXPECT_THAT(with(16, SIZE_MAX), HasSubstr("take 9223372036854775808"));
  EXPECT_THAT(with(1024, 128), HasSubstr("smallest (1024) is above largest (128)"));
}

TEST(powers_of_two, refuses_a_range_of_other_numbers) {
  const auto with = [](std::size_t smallest, std::size_t largest) {
    return refusal([=] { return powers_of_two({.smallest = smallest, .largest = largest}); });
  };
  EXPECT_EQ(with(24, 1024), "cistern: size classes: 24 is not a power of two");
  EXPECT_THAT(with(16, 0), HasSubstr("0 is not a power of two"));
  EXPECT_THAT(with(64, 32), HasSubstr("smallest (64) is above largest (32)"));
}

TEST(size_class_table, refuses_what_is_no_list_of_sizes) {
  const auto with = [](std::vector<std::size_t> sizes) { return refusal([&] { return size_class_table{sizes}; }); };
  EXPECT_EQ(with({}), "cistern: size classes: the list is empty");
  EXPECT_THAT(with({0, 1}), HasSubstr("0 is not a size"));
  EXPECT_THAT(with({1, 5, 5}), HasSubstr("the sizes must ascend, but 5 follows 5"));
  EXPECT_THAT(with({1, 5, 4}), HasSubstr("but 4 follows 5"));
  EXPECT_THAT(with(std::vector<std::size_t>(129, 1)), HasSubstr("129 sizes are too many; at most 128"));
}

}  // namespace
