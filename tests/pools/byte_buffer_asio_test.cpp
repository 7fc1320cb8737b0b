// SPDX-License-Identifier: MIT
#include <cistern/pools/byte_buffer_asio.hpp>

#if __has_include(<asio/buffer.hpp>)

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <gtest/gtest.h>

namespace {

using cistern::asio_byte_buffer;
using cistern::byte_buffer;
using cistern::dynamic_buffer;

static_assert(asio::is_dynamic_buffer_v1<asio_byte_buffer>::value);
static_assert(asio::is_dynamic_buffer_v2<asio_byte_buffer>::value);

TEST(byte_buffer_asio, is_filled_and_drained_by_both_versions) {
  byte_buffer buffer;
  asio_byte_buffer dynamic = dynamic_buffer(buffer, 10);
  // Version 1.
  const asio::mutable_buffer prepared = dynamic.prepare(5);
  EXPECT_EQ(prepared.size(), 5u);
  asio::buffer_copy(prepared, asio::buffer("hello", 5));
  dynamic.commit(4);
  EXPECT_EQ(buffer, "hell");
  EXPECT_EQ(dynamic.data().size(), 4u);
  EXPECT_EQ(dynamic.size(), 4u);
  EXPECT_EQ(dynamic.max_size(), 10u);
  EXPECT_EQ(dynamic.capacity(), 10u);
  EXPECT_THROW(dynamic.prepare(7), std::length_error);
  // Version 2.
  dynamic.grow(6);
  asio::buffer_copy(dynamic.data(4, 6), asio::buffer("o12345", 6));
  EXPECT_EQ(buffer, "hello12345");
  EXPECT_THROW(dynamic.grow(1), std::length_error);
  dynamic.shrink(3);
  EXPECT_EQ(buffer, "hello12");
  const asio_byte_buffer& same = dynamic;
  EXPECT_EQ(same.data(5, 100).size(), 2u);
  EXPECT_EQ(same.data(100, 1).size(), 0u);
  dynamic.consume(5);
  EXPECT_EQ(buffer, "12");
}

TEST(byte_buffer_asio, is_read_until_a_line_ends_and_written) {
  asio::io_context context;
  asio::local::stream_protocol::socket one(context), other(context);
  asio::local::connect_pair(one, other);
  byte_buffer output, input;
  output.append("a line\nthe rest");
  asio::write(one, dynamic_buffer(output));
  EXPECT_TRUE(output.empty());
  const std::size_t line = asio::read_until(other, dynamic_buffer(input), '\n');
  EXPECT_EQ(input.string_view().substr(0, line), "a line\n");
  input.consume(line);
  one.close();
  std::error_code end;
  asio::read(other, dynamic_buffer(input), end);
  EXPECT_EQ(input, "the rest");
}

TEST(byte_buffer_asio, is_read_asynchronously) {
  asio::io_context context;
  asio::local::stream_protocol::socket one(context), other(context);
  asio::local::connect_pair(one, other);
  const std::string text(100'000, 'x');
  byte_buffer output, input;
  output.append(text + "\n");
  std::size_t line = 0;
  asio::async_write(one, dynamic_buffer(output), [](std::error_code, std::size_t) {});
  asio::async_read_until(other, dynamic_buffer(input), '\n', [&](std::error_code, std::size_t bytes) { line = bytes; });
  context.run();
  EXPECT_EQ(line, text.size() + 1);
  EXPECT_EQ(input.string_view().substr(0, text.size()), text);
  EXPECT_TRUE(output.empty());
}

}  // namespace

#endif
