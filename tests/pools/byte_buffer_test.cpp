// SPDX-License-Identifier: MIT
#include "buffer_texts.hpp"
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer.hpp>

#include <array>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory_resource>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::bucket_pool;
using cistern::byte_block;
using cistern::byte_buffer;
using cistern::pool_tests::filled;
using cistern::pool_tests::letters;
using namespace std::string_view_literals;

static_assert(!std::is_copy_constructible_v<byte_buffer> && std::is_nothrow_move_constructible_v<byte_buffer> &&
              std::is_nothrow_move_assignable_v<byte_buffer> && sizeof(byte_buffer) <= 64);
static_assert(std::ranges::contiguous_range<byte_buffer> && std::ranges::sized_range<byte_buffer>);
static_assert(std::output_iterator<std::back_insert_iterator<byte_buffer>, char> &&
              std::output_iterator<std::back_insert_iterator<byte_buffer>, std::byte>);
// A number is not taken for a byte.
template <class T>
concept can_be_added = requires(byte_buffer buffer, T one) {
  buffer += one;
};
static_assert(can_be_added<char> && can_be_added<std::byte> && can_be_added<std::string> && !can_be_added<int>);

TEST(byte_buffer, takes_no_memory_before_the_first_byte) {
  bucket_pool pool;
  byte_buffer none(&pool);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(none.capacity() + none.room() + none.most_used(), 0u);
  EXPECT_TRUE(none.span().empty());
  EXPECT_EQ(none.string_view(), "");
  EXPECT_EQ(none, byte_buffer());
  none.append("");
  none.append(0, 'x');
  none.assign("");
  none.insert(0, "");
  none.erase(0, 5);
  none.consume(1);
  none.pop(1);
  none.clear();
  none.resize(0);
  none.reserve(0);
  none.commit(0);
  none.shrink_to_fit();
  EXPECT_FALSE(none.release());
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(byte_buffer, has_memory_of_the_process_unless_told_otherwise) {
  EXPECT_EQ(byte_buffer().resource(), &bucket_pool::process());
  EXPECT_EQ(byte_buffer(nullptr).resource(), &bucket_pool::process());
  bucket_pool pool;
  EXPECT_EQ(byte_buffer(&pool).resource(), &pool);
}

TEST(byte_buffer, appends_texts_bytes_characters_and_repetitions) {
  byte_buffer buffer;
  const std::string text = "text";
  const std::array bytes = {std::byte{'b'}, std::byte{0}};
  buffer.append(text);
  buffer.append(std::span<const std::byte>(bytes));
  buffer.append("raw", 2);
  buffer.append('c');
  buffer.append(std::byte{'d'});
  buffer.append(3, 'e');
  buffer.append(0, 'f');
  buffer.push_back(static_cast<unsigned char>('g'));
  (buffer += "h") += 'i';
  buffer += bytes;
  EXPECT_EQ(buffer, "textb\0racdeeeghib\0"sv);
  EXPECT_EQ(buffer.size(), 18u);
  EXPECT_EQ(buffer[4], std::byte{'b'});
  EXPECT_EQ(buffer.span().size(), 18u);
  EXPECT_TRUE(std::ranges::equal(buffer, buffer.span()));
}

TEST(byte_buffer, is_written_by_back_inserters_of_characters_and_of_bytes) {
  byte_buffer buffer;
  std::ranges::copy("ab"sv, std::back_inserter(buffer));
  std::ranges::copy(std::array{std::byte{'c'}}, std::back_inserter(buffer));
  EXPECT_EQ(buffer, "abc");
}

template <class... Arguments>
void expect_number(std::string_view written, Arguments... arguments) {
  for (std::size_t room = 0; room < 70; ++room) {  // also where it ends within the number
    byte_buffer buffer;
    buffer.reserve(256);
    buffer.append(buffer.room() - room, '.');
    const std::string before(buffer.string_view());
    buffer.append_number(arguments...);
    ASSERT_EQ(buffer.string_view(), before + std::string(written)) << room;
    buffer.insert_number(2, arguments...);
    ASSERT_EQ(buffer.string_view(), ".." + std::string(written) + before.substr(2) + std::string(written)) << room;
  }
}

TEST(byte_buffer, writes_numbers_as_to_chars_does) {
  expect_number("0", 0);
  expect_number("-9223372036854775808", std::numeric_limits<std::int64_t>::min());
  expect_number("18446744073709551615", std::numeric_limits<std::uint64_t>::max());
  expect_number("-128", std::int8_t{-128});
  expect_number("255", std::uint8_t{255});
  expect_number("-ff", -255, 16);
  expect_number(std::string(64, '1'), std::numeric_limits<std::uint64_t>::max(), 2);
  expect_number("0.1", 0.1);
  expect_number("0.1", 0.1F);
  expect_number("-inf", -std::numeric_limits<double>::infinity());
  expect_number("0.5", 0.5L);
  expect_number("1.50", 1.5, std::chars_format::fixed, 2);
  expect_number("1e+30", 1e30, std::chars_format::scientific);
  byte_buffer buffer;
  buffer.append_number(1e300, std::chars_format::fixed, 1000);
  EXPECT_EQ(buffer.size(), 301u + 1 + 1000);
}

TEST(byte_buffer, inserts_before_any_byte_and_refuses_positions_beyond_its_end) {
  for (std::size_t position = 0; position <= 5; ++position)
    for (const std::size_t room : {0u, 100u}) {
      bucket_pool pool;
      byte_buffer buffer = filled("abcde", &pool);
      if (room != 0)
        buffer.reserve(room);
      else
        buffer.shrink_to_fit();
      buffer.insert(position, "XYZ");
      std::string expected = "abcde";
      EXPECT_EQ(buffer, expected.insert(position, "XYZ"));
      buffer.insert(position, 100, 'q');
      EXPECT_EQ(buffer, expected.insert(position, 100, 'q'));
    }
  byte_buffer buffer = filled("ab");
  EXPECT_THROW(buffer.insert(3, "x"), std::out_of_range);
  EXPECT_THROW(buffer.insert(3, ""), std::out_of_range);
  EXPECT_THROW(buffer.insert(3, 1, 'x'), std::out_of_range);
  EXPECT_THROW(buffer.insert_number(3, 1), std::out_of_range);
  EXPECT_THROW(buffer.insert(3, buffer.span()), std::out_of_range);
  EXPECT_THROW(buffer.erase(3, 0), std::out_of_range);
  EXPECT_EQ(buffer, "ab");
}

TEST(byte_buffer, inserts_at_the_front_into_what_is_consumed) {
  byte_buffer buffer = filled("12345body");
  buffer.consume(5);
  const std::byte* const body = buffer.data();
  buffer.insert(0, "head");
  EXPECT_EQ(buffer, "headbody");
  EXPECT_EQ(buffer.data() + 4, body);
  buffer.insert(0, "xx");  // there is one byte only
  EXPECT_EQ(buffer, "xxheadbody");
}

TEST(byte_buffer, erases_from_the_front_the_middle_and_the_end) {
  byte_buffer buffer = filled("0123456789");
  const std::byte* const at = buffer.data();
  buffer.erase(0, 2);
  EXPECT_EQ(buffer, "23456789");
  EXPECT_EQ(buffer.data(), at + 2);  // nothing was moved
  buffer.erase(2, 3);
  EXPECT_EQ(buffer, "23789");
  buffer.erase(3, 100);
  EXPECT_EQ(buffer, "237");
  buffer.erase(3, 100);
  EXPECT_EQ(buffer, "237");
  buffer.erase(0, std::numeric_limits<std::size_t>::max());
  EXPECT_TRUE(buffer.empty());
}

TEST(byte_buffer, is_written_to_in_place_by_prepare_and_commit) {
  byte_buffer buffer = filled("ab");
  const std::span<std::byte> room = buffer.prepare(100);
  ASSERT_GE(room.size(), 100u);
  EXPECT_EQ(room.size(), buffer.room());
  EXPECT_EQ(room.data(), buffer.data() + 2);
  std::ranges::fill(room, std::byte{'c'});
  EXPECT_EQ(buffer, "ab");
  buffer.commit(3);
  EXPECT_EQ(buffer, "abccc");
  buffer.commit(buffer.room());
  EXPECT_EQ(buffer.size(), buffer.capacity());
}

TEST(byte_buffer, consumes_and_pops_up_to_all_there_is) {
  byte_buffer buffer = filled("0123456789");
  buffer.consume(3);
  EXPECT_EQ(buffer, "3456789");
  buffer.pop(2);
  EXPECT_EQ(buffer, "34567");
  buffer.consume(0);
  buffer.pop(0);
  EXPECT_EQ(buffer, "34567");
  const std::size_t capacity = buffer.capacity();
  buffer.consume(5);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.room(), capacity);  // it begins anew at the front
  buffer.append("x");
  buffer.pop(2);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.room(), capacity);
}

TEST(byte_buffer, resizes_with_zeroes) {
  byte_buffer buffer = filled(letters(50));
  buffer.resize(2);
  EXPECT_EQ(buffer, "ab");
  buffer.resize(50);
  EXPECT_EQ(buffer, "ab" + std::string(48, '\0'));
  buffer.resize(1000);
  EXPECT_EQ(buffer, "ab" + std::string(998, '\0'));
  buffer.resize_for_overwrite(2000);
  EXPECT_EQ(buffer.size(), 2000u);
  EXPECT_EQ(buffer.string_view().substr(0, 1000), "ab" + std::string(998, '\0'));
  buffer.resize_for_overwrite(1);
  EXPECT_EQ(buffer, "a");
}

TEST(byte_buffer, is_assigned_to_in_the_block_that_it_has) {
  byte_buffer buffer = filled(letters(60));
  buffer.consume(10);
  buffer.assign("short");
  EXPECT_EQ(buffer, "short");
  EXPECT_EQ(buffer.room(), buffer.capacity() - 5);
  EXPECT_EQ(buffer.most_used(), 60u);
  buffer.assign(letters(1000));
  EXPECT_EQ(buffer, letters(1000));
  buffer.assign("");
  EXPECT_TRUE(buffer.empty());
}

// What is given may be a part of the buffer, also where that moves: within its block or to another one.
TEST(byte_buffer, takes_parts_of_itself) {
  for (const std::size_t size : {10u, 40u, 64u, 1000u, 20'000u, 300'000u})
    for (const std::size_t consumed : {0u, 5u, 9u})
      for (const bool full : {false, true}) {
        bucket_pool pool;
        const std::string all = letters(size), text = all.substr(consumed), part = text.substr(1, text.size() / 2);
        const auto make = [&] {
          byte_buffer made = filled(all, &pool);
          if (full) made.shrink_to_fit();
          made.consume(consumed);
          return made;
        };
        const auto part_of = [&](byte_buffer& buffer) { return buffer.span().subspan(1, part.size()); };
        byte_buffer appended = make(), doubled = make(), inserted = make(), assigned = make(), raw = make();
        appended.append(part_of(appended));
        EXPECT_EQ(appended, text + part);
        doubled.append(doubled);
        EXPECT_EQ(doubled, text + text);
        inserted.insert(2 % (text.size() + 1), part_of(inserted));
        EXPECT_EQ(inserted, std::string(text).insert(2 % (text.size() + 1), part));
        inserted.insert(0, inserted);
        assigned.assign(part_of(assigned));
        EXPECT_EQ(assigned, part);
        raw += raw.string_view().substr(raw.size() - 1);
        EXPECT_EQ(raw, text + text.back());
      }
}

TEST(byte_buffer, goes_along_when_moved_and_leaves_one_that_may_be_used) {
  bucket_pool pool, others;
  byte_buffer one = filled(letters(100), &pool);
  one.consume(10);
  const std::byte* const at = one.data();
  byte_buffer moved(std::move(one));
  EXPECT_EQ(moved.data(), at);
  EXPECT_EQ(moved.most_used(), 100u);
  // NOLINTBEGIN(bugprone-use-after-move): what a moved-from one is, is tested
  EXPECT_TRUE(one.empty());
  EXPECT_EQ(one.capacity() + one.most_used(), 0u);
  one.append("again");
  EXPECT_EQ(one.resource(), &pool);
  // NOLINTEND(bugprone-use-after-move)
  byte_buffer other = filled(letters(1000), &others);
  other = std::move(moved);
  EXPECT_EQ(other, letters(100).substr(10));
  EXPECT_EQ(other.resource(), &pool);
  EXPECT_EQ(others.statistics().live, 0u);
  byte_buffer& same = other;
  other = std::move(same);
  EXPECT_EQ(other, letters(100).substr(10));
  std::swap(one, other);
  EXPECT_EQ(other, "again");
}

TEST(byte_buffer, gives_all_back_when_it_ends) {
  bucket_pool pool;
  {
    byte_buffer buffer(&pool);
    for (int i = 0; i < 100'000; ++i) buffer.append("ten bytes.");
    EXPECT_GE(pool.statistics().live + pool.statistics().large, 1'000'000u);
  }
  EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
}

TEST(byte_buffer, becomes_a_block_and_is_made_of_one_again) {
  bucket_pool pool;
  byte_block kept;
  {
    byte_buffer buffer = filled("0123456789", &pool);
    buffer.consume(2);
    const std::byte* const at = buffer.data();
    byte_block block = buffer.release();
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.capacity() + buffer.most_used(), 0u);
    EXPECT_EQ(block.data(), at);
    EXPECT_EQ(block.size(), 8u);
    EXPECT_EQ(block.capacity(), 64u);
    EXPECT_EQ(block.resource(), &pool);
    buffer.append("new");
    EXPECT_EQ(buffer, "new");
    kept = std::move(block);
    EXPECT_FALSE(block);  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(block.empty());
  }
  EXPECT_EQ(std::as_const(kept).span()[0], std::byte{'2'});
  EXPECT_EQ(pool.statistics().live, 64u);
  byte_buffer again(std::move(kept));
  EXPECT_FALSE(kept);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(again, "23456789");
  EXPECT_EQ(again.resource(), &pool);
  again.append("x");
  EXPECT_EQ(again, "23456789x");
  EXPECT_EQ(again.most_used(), 9u);
  byte_block last = again.release();
  last.reset();
  last.reset();
  EXPECT_EQ(pool.statistics().live, 0u);
  EXPECT_EQ(byte_block().resource(), &bucket_pool::process());
  EXPECT_EQ(byte_buffer(byte_block()).size(), 0u);
}

TEST(byte_buffer, knows_the_most_that_it_has_held_at_once) {
  byte_buffer buffer = filled(letters(100));
  EXPECT_EQ(buffer.most_used(), 100u);
  buffer.consume(60);
  buffer.append(letters(50));
  EXPECT_EQ(buffer.most_used(), 100u);  // not 150, which it had not at once
  buffer.append(letters(50));
  EXPECT_EQ(buffer.most_used(), 140u);
  buffer.pop(1);
  EXPECT_EQ(buffer.most_used(), 140u);
  buffer.append(letters(11));
  buffer.erase(5, 50);
  EXPECT_EQ(buffer.most_used(), 150u);
  buffer.resize(300);
  buffer.resize(1);
  EXPECT_EQ(buffer.most_used(), 300u);
  buffer.resize(350);
  buffer.assign("x");
  EXPECT_EQ(buffer.most_used(), 350u);
  buffer.resize(400);
  buffer.assign(letters(399));
  EXPECT_EQ(buffer.most_used(), 400u);
  buffer.resize(410);
  buffer.clear();
  EXPECT_EQ(buffer.most_used(), 410u);
  buffer.shrink_to_fit();
  EXPECT_EQ(buffer.most_used(), 410u);
}

TEST(byte_buffer, is_compared_by_unsigned_bytes) {
  const byte_buffer one = filled("abc"), same = filled("abc"), longer = filled("abcd"), high = filled("ab\xff");
  EXPECT_TRUE(one == same && one == "abc" && "abc" == one && one == same.span() && one == std::string("abc"));
  EXPECT_TRUE(one != longer && one != "abd" && one != ""sv && byte_buffer() == "" && byte_buffer() == byte_buffer());
  EXPECT_TRUE(one < longer && longer > one && one < high && one <= same && high > "abz" && "abb" < one);
  EXPECT_TRUE(byte_buffer() < one && (one <=> same.span()) == std::strong_ordering::equal);
}

TEST(byte_buffer, appends_what_lies_in_a_row) {
  byte_buffer buffer;
  buffer.append(std::vector<char>{'a', 'b'});
  buffer.append(std::array<unsigned char, 2>{'c', 'd'});
  buffer.append(byte_buffer());
  EXPECT_EQ(buffer, "abcd");
  EXPECT_EQ(buffer.front(), std::byte{'a'});
  EXPECT_EQ(buffer.back(), std::byte{'d'});
}

}  // namespace
