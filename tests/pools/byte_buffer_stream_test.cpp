// SPDX-License-Identifier: MIT
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/pools/byte_buffer_stream.hpp>

#include <iomanip>
#include <ios>
#include <memory_resource>
#include <new>
#include <string>

#include <gtest/gtest.h>

namespace {

using cistern::byte_buffer;
using cistern::byte_ostream;

TEST(byte_buffer_stream, prints_what_streams_print_without_a_flush) {
  byte_buffer buffer;
  buffer.append("before:");
  byte_ostream out(buffer);
  out << ' ' << 42 << std::setw(5) << "x" << std::hex << 255;
  EXPECT_EQ(buffer, "before: 42    xff");
  out.put('\n').write("raw\0", 4);
  EXPECT_EQ(buffer, std::string("before: 42    xff\nraw\0", 22));
  buffer.clear();  // between two outputs
  out << std::dec << 1.5 << std::endl;
  EXPECT_EQ(buffer, "1.5\n");
  EXPECT_EQ(&out.buffer(), &buffer);
  out << std::string(100'000, 'y');
  EXPECT_EQ(buffer.size(), 100'004u);
}

TEST(byte_buffer_stream, tells_its_position_and_does_not_seek) {
  byte_buffer buffer;
  byte_ostream out(buffer);
  EXPECT_EQ(out.tellp(), std::streampos(0));
  out << "abc";
  EXPECT_EQ(out.tellp(), std::streampos(3));
  out.seekp(0);
  EXPECT_TRUE(out.fail());
  out.clear();
  out.seekp(-1, std::ios_base::end);
  EXPECT_TRUE(out.fail());
  EXPECT_EQ(buffer, "abc");
}

TEST(byte_buffer_stream, fails_as_streams_do_when_there_is_no_memory) {
  cistern::fail_nth_resource failing(1, cistern::failure_mode::persistent, std::pmr::new_delete_resource());
  byte_buffer buffer(&failing);
  byte_ostream out(buffer);
  out << "abc";
  EXPECT_TRUE(out.bad());
  out.clear();
  out.exceptions(std::ios_base::badbit);
  EXPECT_THROW(out << "abc", std::bad_alloc);
  out.clear();
  EXPECT_THROW(out.put('x'), std::bad_alloc);
  EXPECT_TRUE(buffer.empty());
  failing.fail_next(0);
  out.clear();
  out << "abc";
  EXPECT_EQ(buffer, "abc");
}

}  // namespace
