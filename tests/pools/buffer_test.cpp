// SPDX-License-Identifier: MIT
#include <cistern/pools/bucket_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include <gtest/gtest.h>

namespace {

using cistern::bucket_pool;
using cistern::buffer;

constexpr std::size_t largest = std::size_t{256} << 10;

TEST(buffer, is_empty_when_it_comes_from_nowhere) {
  buffer none;
  EXPECT_FALSE(none);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(none.capacity(), 0u);
  EXPECT_TRUE(none.span().empty());
  EXPECT_TRUE(none.resize(0));
  EXPECT_FALSE(none.resize(1));
  none.reset();
  buffer moved(std::move(none));
  EXPECT_FALSE(moved);
}

TEST(buffer, has_the_size_asked_for_and_the_room_of_its_class) {
  bucket_pool pool;
  for (const std::size_t bytes : {1u, 16u, 17u, 100u, 1025u, 70'000u, 262'144u}) {
    buffer got = pool.get(bytes);
    EXPECT_EQ(got.size(), bytes);
    EXPECT_GE(got.capacity(), bytes);
    EXPECT_EQ(got.capacity(), pool.usable_size(got.data()));
    std::memset(got.data(), 0x5A, got.capacity());
    EXPECT_EQ(got.span().size(), bytes);
  }
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(buffer, changes_its_size_within_its_capacity_only) {
  bucket_pool pool;
  buffer got = pool.get(100);
  EXPECT_EQ(got.capacity(), 112u);
  EXPECT_TRUE(got.resize(112));
  EXPECT_EQ(got.size(), 112u);
  EXPECT_FALSE(got.resize(113));
  EXPECT_EQ(got.size(), 112u);
  EXPECT_TRUE(got.resize(0));
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(got);
}

TEST(buffer, goes_along_when_moved_and_leaves_nothing_behind) {
  bucket_pool pool;
  buffer one = pool.get(50), other = pool.get(5000);
  std::byte* const block = one.data();
  one.data()[0] = std::byte{7};
  buffer moved(std::move(one));
  EXPECT_EQ(moved.data(), block);
  EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): what a moved-from one is, is tested
  EXPECT_EQ(one.size() + one.capacity(), 0u);
  other = std::move(moved);
  EXPECT_EQ(other.data(), block);
  EXPECT_EQ(other.size(), 50u);
  EXPECT_EQ(other.data()[0], std::byte{7});
  EXPECT_EQ(pool.statistics().live, 64u);  // that of 5000 bytes is back
}

TEST(buffer, survives_a_move_to_itself) {
  bucket_pool pool;
  buffer one = pool.get(50);
  std::byte* const block = one.data();
  buffer& same = one;
  one = std::move(same);
  EXPECT_EQ(one.data(), block);
  EXPECT_EQ(one.size(), 50u);
}

TEST(buffer, puts_its_block_back_once) {
  bucket_pool pool;
  buffer one = pool.get(50);
  one.reset();
  EXPECT_FALSE(one);
  EXPECT_TRUE(one.empty());
  EXPECT_EQ(one.capacity(), 0u);
  one.reset();
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(buffer, may_be_of_no_bytes_and_still_have_a_block) {
  bucket_pool plain, passing({.pass_through = true}), guarded({.guard_one_in = 1}), checked({.canaries = true});
  for (bucket_pool* const pool : {&plain, &passing, &guarded, &checked}) {
    buffer got = pool->get(0);
    EXPECT_TRUE(got);
    EXPECT_TRUE(got.empty());
    got.reset();
    EXPECT_EQ(pool->statistics().live + pool->statistics().large, 0u);
  }
}

TEST(buffer, comes_from_the_upstream_when_it_is_large) {
  bucket_pool pool;
  buffer got = pool.get(largest + 1);
  EXPECT_EQ(got.capacity(), largest + 1);
  EXPECT_EQ(pool.statistics().large, largest + 1);
  got.reset();
  EXPECT_EQ(pool.statistics().large, 0u);
}

TEST(buffer, is_empty_or_an_exception_when_there_is_no_memory) {
  bucket_pool pool({.max_bytes = 1 << 20});
  EXPECT_FALSE(pool.try_get(2 << 20));
  EXPECT_THROW(static_cast<void>(pool.get(2 << 20)), std::bad_alloc);
  EXPECT_FALSE(pool.try_get(SIZE_MAX));
  EXPECT_THROW(static_cast<void>(pool.get(SIZE_MAX)), std::bad_alloc);
}

}  // namespace
