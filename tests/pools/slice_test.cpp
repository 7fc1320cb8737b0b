// SPDX-License-Identifier: MIT
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>
#include <cistern/pools/slice.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::byte_buffer;
using cistern::byte_buffer_pool;
using cistern::slice;
using cistern::statistics_resource;

byte_buffer buffer_of(std::string_view text) {
  byte_buffer buffer;
  buffer.append(text);
  return buffer;
}

TEST(slice, holds_the_bytes_of_a_buffer_where_they_were) {
  byte_buffer buffer = buffer_of("some bytes");
  const std::byte* const at = buffer.data();
  const slice all(std::move(buffer));
  EXPECT_EQ(all.data(), at);
  EXPECT_EQ(all, "some bytes");
  EXPECT_EQ(all[5], std::byte{'b'});
  EXPECT_TRUE(buffer.empty());
}

TEST(slice, shares_its_block_with_copies_and_parts) {
  std::optional<slice> all(slice(buffer_of("head body tail")));
  slice copy = *all;
  slice body = all->part(5, 4);
  EXPECT_EQ(body, "body");
  EXPECT_EQ(body.data(), all->data() + 5);
  EXPECT_EQ(all->use_count(), 3u);
  all.reset();
  EXPECT_EQ(copy, "head body tail");
  copy = body;
  EXPECT_EQ(copy, "body");
  EXPECT_EQ(body.use_count(), 2u);
  copy = std::move(body);
  EXPECT_EQ(copy.use_count(), 1u);
  EXPECT_TRUE(body.empty());
}

TEST(slice, splits_into_what_comes_first_and_the_rest) {
  slice rest(buffer_of("GET /path HTTP/1.1"));
  const slice method = rest.split_front(4);
  const slice version = rest.split_back(6);
  EXPECT_EQ(method, "GET ");
  EXPECT_EQ(rest, "/path ");
  EXPECT_EQ(version, "HTTP/1.1");
  rest.remove_suffix(1);
  rest.remove_prefix(1);
  EXPECT_EQ(rest, "path");
  const slice all = rest.split_front(100);
  EXPECT_EQ(all, "path");
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(rest.pinned(), 0u);  // nothing holds nothing
  EXPECT_TRUE(rest.split_front(1).empty());
  EXPECT_TRUE(rest.split_back(1).empty());
}

TEST(slice, has_parts_up_to_its_end) {
  const slice all(buffer_of("abc"));
  EXPECT_EQ(all.part(1), "bc");
  EXPECT_EQ(all.part(1, 100), "bc");
  EXPECT_TRUE(all.part(3).empty());
  EXPECT_TRUE(all.part(0, 0).empty());
  EXPECT_THROW(static_cast<void>(all.part(4)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(slice().part(1)), std::out_of_range);
}

TEST(slice, compares_bytes) {
  const slice one(buffer_of("abc")), other(buffer_of("abd"));
  EXPECT_LT(one, other);
  EXPECT_EQ(one, slice(buffer_of("abc")));
  EXPECT_NE(one, other);
  EXPECT_GT(other, "abc");
  EXPECT_EQ(slice(), slice(byte_buffer()));
}

TEST(slice, keeps_a_block_of_a_pool_until_the_last_one_goes) {
  statistics_resource upstream;
  byte_buffer_pool pool({.upstream = &upstream, .clock = nullptr});
  byte_buffer buffer = pool.get();
  buffer.append(std::string(900, 'x'));
  slice all(std::move(buffer));
  slice small = all.part(10, 20);
  EXPECT_EQ(pool.statistics().pinned, 1024u);
  all.reset();
  EXPECT_EQ(pool.statistics().pinned, 1024u);
  EXPECT_EQ(pool.statistics().blocks.live, 1024u);
  small.reset();
  EXPECT_EQ(pool.statistics().pinned, 0u);
  EXPECT_EQ(pool.statistics().blocks.live, 0u);
}

TEST(slice, leaves_a_large_block_that_it_needs_little_of) {
  byte_buffer_pool pool({.clock = nullptr});
  byte_buffer buffer = pool.get();
  buffer.append(std::string(100'000, 'x'));
  buffer.append("tail");
  slice small = slice(std::move(buffer)).part(100'000);
  EXPECT_GE(small.pinned(), 100'000u);
  EXPECT_TRUE(small.compact());
  EXPECT_EQ(small, "tail");
  EXPECT_LE(small.pinned(), 64u);
  EXPECT_LE(pool.statistics().blocks.live, 64u);
  EXPECT_EQ(pool.statistics().pinned, small.pinned());
  EXPECT_FALSE(small.compact());  // there is no smaller block
  slice half(buffer_of(std::string(40'000, 'x')));
  half.remove_prefix(20'000);
  EXPECT_FALSE(half.compact());
  EXPECT_TRUE(half.compact(1));
  EXPECT_FALSE(slice().compact());
}

TEST(slice, gives_its_block_to_a_buffer_when_it_is_the_last) {
  slice all(buffer_of("head body tail"));
  slice body = all.part(5, 4);
  byte_buffer copy = slice(all).thaw();
  EXPECT_EQ(copy, "head body tail");
  EXPECT_NE(copy.data(), all.data());
  all.reset();
  const std::byte* const at = body.data();
  byte_buffer own = std::move(body).thaw();
  EXPECT_EQ(own, "body");
  EXPECT_EQ(own.data(), at);
  own.append(" and more");
  EXPECT_EQ(own, "body and more");
  EXPECT_TRUE(body.empty());
  EXPECT_TRUE(slice().thaw().empty());
}

TEST(slice, is_as_it_was_when_there_is_no_memory_for_a_copy) {
  statistics_resource memory;
  cistern::fail_nth_resource failing(&memory);
  byte_buffer buffer(&failing);
  buffer.append(std::string(10'000, 'x'));
  slice all(std::move(buffer));
  all.remove_prefix(9990);
  failing.fail_next();
  EXPECT_THROW(all.compact(), std::bad_alloc);
  EXPECT_EQ(all, "xxxxxxxxxx");
  const slice other = all;
  failing.fail_next(1, cistern::failure_mode::persistent);
  EXPECT_THROW(std::move(all).thaw(), std::bad_alloc);
  EXPECT_EQ(all, other);
}

TEST(slice, may_go_on_any_thread) {
  byte_buffer_pool pool({.clock = nullptr});
  for (int round = 0; round < 200; ++round) {
    byte_buffer buffer = pool.get();
    buffer.append(std::string(500, static_cast<char>('a' + round % 26)));
    slice all(std::move(buffer));
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i)
      readers.emplace_back([mine = all, round]() mutable {
        slice part = mine.split_front(250);
        for (const std::byte each : part) ASSERT_EQ(each, std::byte('a' + round % 26));
        part.reset();
        mine.compact();
      });
    all.reset();
    for (std::thread& each : readers) each.join();
    ASSERT_EQ(pool.statistics().blocks.live, 0u);
    ASSERT_EQ(pool.statistics().pinned, 0u);
  }
}

}  // namespace
