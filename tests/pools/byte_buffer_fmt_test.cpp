// SPDX-License-Identifier: MIT
#define FMT_HEADER_ONLY  // so that no library of {fmt}'s is needed
#include <cistern/pools/byte_buffer_fmt.hpp>

#if __has_include(<fmt/format.h>)

#include <cistern/allocators/fail_nth_resource.hpp>

#include <cstddef>
#include <iterator>
#include <memory_resource>
#include <new>
#include <string>

#include <gtest/gtest.h>

namespace {

using cistern::byte_buffer;

TEST(byte_buffer_fmt, formats_into_its_room_and_beyond) {
  for (std::size_t room = 0; room < 300; ++room) {
    byte_buffer buffer;
    buffer.reserve(512);
    buffer.append(buffer.room() - room, '.');
    const std::string before(buffer.string_view());
    cistern::format_to(buffer, "{}-{:>10}-{:.3f}", 42, "text", 1.5);
    ASSERT_EQ(buffer.string_view(), before + "42-      text-1.500") << room;
    cistern::format_to(buffer, "{:250}", "");
    ASSERT_EQ(buffer.string_view(), before + "42-      text-1.500" + std::string(250, ' ')) << room;
  }
  byte_buffer none;
  cistern::format_to(none, "");
  EXPECT_TRUE(none.empty());
}

TEST(byte_buffer_fmt, takes_parts_of_the_buffer_as_arguments) {
  byte_buffer buffer;
  buffer.append(std::string(60, 'a'));
  cistern::format_to(buffer, "[{}]", buffer.string_view());
  EXPECT_EQ(buffer.string_view().substr(59, 3), "a[a");
  EXPECT_EQ(buffer.string_view().substr(118), "aaa]");
}

TEST(byte_buffer_fmt, is_written_by_back_inserters) {
  byte_buffer buffer;
  fmt::format_to(std::back_inserter(buffer), "{}-{:>10}", 42, "text");
  EXPECT_EQ(buffer, "42-      text");
}

TEST(byte_buffer_fmt, appends_nothing_when_it_throws) {
  cistern::fail_nth_resource failing(std::pmr::new_delete_resource());
  byte_buffer buffer(&failing);
  buffer.append("abc");
  EXPECT_THROW(cistern::format_to(buffer, fmt::runtime("{} {}"), 1), fmt::format_error);
  failing.fail_next(1, cistern::failure_mode::persistent);
  EXPECT_THROW(cistern::format_to(buffer, "{:100}", ""), std::bad_alloc);
  EXPECT_EQ(buffer, "abc");
}

}  // namespace

#endif
