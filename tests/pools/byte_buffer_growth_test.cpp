// SPDX-License-Identifier: MIT
//
// Where a byte_buffer's memory comes from: growing, shrinking, and when there is none.
#include "buffer_texts.hpp"
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/poison.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer.hpp>
#include <contracts/every_allocation.hpp>

#include <charconv>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

using cistern::bucket_pool;
using cistern::byte_buffer;
using cistern::pool_tests::filled;
using cistern::pool_tests::letters;

TEST(byte_buffer_growth, has_the_room_that_was_reserved) {
  for (const std::size_t total : {1u, 100u, 5000u, 300'000u}) {
    byte_buffer buffer = filled("abc");
    buffer.reserve(total);
    EXPECT_GE(buffer.size() + buffer.room(), total);
    const std::byte* const at = buffer.data();
    if (total > 3) buffer.append(total - 3, 'x');
    EXPECT_EQ(buffer.data(), at);
    buffer.reserve(total);
    buffer.reserve(1);
    EXPECT_EQ(buffer.data(), at);
  }
}

TEST(byte_buffer_growth, reserves_what_is_asked_for_and_grows_by_multiples_only_when_it_must) {
  bucket_pool pool;
  byte_buffer buffer(&pool);
  buffer.reserve(1000);
  EXPECT_EQ(buffer.capacity(), 1024u);  // of the class
  buffer.append(1025, 'x');
  EXPECT_EQ(buffer.capacity(), 4096u);
  buffer.append(4096, 'x');
  buffer.append(16'384, 'x');
  EXPECT_EQ(buffer.capacity(), 65'536u);
  buffer.append(65'536, 'x');
  EXPECT_EQ(buffer.capacity(), 131'072u);
}

TEST(byte_buffer_growth, uses_all_of_what_a_pools_block_holds) {
  bucket_pool plain, canaries({.canaries = true}), passing({.pass_through = true}), guarded({.guard_one_in = 1});
  for (bucket_pool* const pool : {&plain, &canaries, &passing, &guarded}) {
    {
      byte_buffer buffer(pool);
      for (int i = 0; i < 5000; ++i) {
        buffer.append(i % 100 != 0 ? 99 : 20'000, 'x');
        if (buffer.size() > 700'000) buffer = byte_buffer(pool);
        const auto room = buffer.prepare(0);
        if (!room.empty()) std::memset(room.data(), 1, room.size());
      }
    }
    EXPECT_EQ(pool->statistics().live + pool->statistics().large, 0u);
  }
  byte_buffer buffer(&plain);
  buffer.reserve(100);
  EXPECT_EQ(buffer.capacity(), 112u);
}

TEST(byte_buffer_growth, moves_what_is_left_to_the_front_instead_of_growing) {
  byte_buffer buffer;
  buffer.reserve(1024);
  const std::size_t capacity = buffer.capacity();
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string more = letters(100, static_cast<char>('a' + i % 26));
    buffer.append(more);
    expected += more;
    if (expected.size() <= 300) continue;
    buffer.consume(100);
    expected.erase(0, 100);
    ASSERT_EQ(buffer, expected);
  }
  EXPECT_EQ(buffer.capacity(), capacity);
}

// A buffer that is nearly full all the time must not move all of itself for each byte.
TEST(byte_buffer_growth, grows_rather_than_to_move_much_for_little) {
  byte_buffer buffer;
  buffer.reserve(4096);
  buffer.append(buffer.capacity(), 'x');
  const std::byte* last = nullptr;
  int moves = 0;
  for (int i = 0; i < 100'000; ++i) {
    buffer.consume(1);
    buffer.append('y');
    const std::byte* const at = buffer.data() - (last == nullptr ? 0 : 1);
    if (last != nullptr && at != last) ++moves;
    last = buffer.data();
  }
  EXPECT_LT(moves, 60);
  EXPECT_LE(buffer.capacity(), 4 * 4096u);
}

TEST(byte_buffer_growth, shrinks_to_a_smaller_block_if_there_is_one) {
  bucket_pool pool;
  byte_buffer buffer = filled(letters(5000), &pool);
  buffer.consume(4950);
  buffer.shrink_to_fit();
  EXPECT_EQ(buffer.capacity(), 64u);
  EXPECT_EQ(buffer, letters(5000).substr(4950));
  const std::byte* const at = buffer.data();
  buffer.shrink_to_fit();
  EXPECT_EQ(buffer.data(), at);
  EXPECT_EQ(pool.statistics().live, 64u);
  buffer.clear();
  buffer.shrink_to_fit();
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_EQ(pool.statistics().live, 0u);
  buffer.append("x");
  EXPECT_EQ(buffer, "x");
}

TEST(byte_buffer_growth, refuses_more_than_there_can_be) {
  byte_buffer buffer = filled("abc");
  volatile std::size_t unknown = std::numeric_limits<std::size_t>::max();  // to the compiler, which would warn
  const std::size_t most = unknown;
  EXPECT_THROW(buffer.append(most, 'x'), std::length_error);
  EXPECT_THROW(buffer.append(byte_buffer::max_size() - 2, 'x'), std::length_error);
  EXPECT_THROW(buffer.reserve(most), std::length_error);
  EXPECT_THROW(buffer.resize(most), std::length_error);
  EXPECT_THROW(buffer.insert(1, most, 'x'), std::length_error);
  EXPECT_THROW(static_cast<void>(buffer.prepare(most)), std::length_error);
  EXPECT_FALSE(buffer.try_reserve(most));
  EXPECT_FALSE(buffer.try_reserve(byte_buffer::max_size()));  // no memory
  EXPECT_THROW(buffer.append(byte_buffer::max_size() - 3, 'x'), std::bad_alloc);
  EXPECT_EQ(buffer, "abc");
  EXPECT_TRUE(buffer.try_reserve(10'000));
}

/// A backend that can be told to make blocks larger where they are; its blocks hold twice of what is asked for.
class growing_backend final : public cistern::backend_resource {
 public:
  std::size_t resized = 0;
  bool can = true;

  std::size_t good_size(std::size_t bytes) const noexcept override { return (bytes + 4095) / 4096 * 4096; }
  std::size_t usable_size(void*) const noexcept override { return 0; }
  bool try_resize(void*, std::size_t old_bytes, std::size_t new_bytes, std::size_t) noexcept override {
    if (!can || new_bytes > largest) return false;
    EXPECT_EQ(old_bytes, held);
    held = new_bytes;
    ++resized;
    return true;
  }
  void trim() noexcept override {}
  cistern::backend_statistics statistics() const override { return {}; }
  std::string_view name() const noexcept override { return "growing"; }
  std::string version() const override { return "1"; }

  static constexpr std::size_t largest = std::size_t{1} << 20;
  std::size_t held = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t) override {
    held = bytes;
    return ::operator new(std::max(bytes, largest));
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t) override {
    EXPECT_EQ(bytes % 4096, 0u);
    ::operator delete(block);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(byte_buffer_growth, grows_where_it_is_when_the_backend_can) {
  growing_backend backend;
  byte_buffer buffer(&backend);
  buffer.append("begin");
  EXPECT_EQ(buffer.capacity(), 4096u);
  buffer.append(20'000, 'x');
  const std::byte* const at = buffer.data();
  buffer.consume(5);
  while (buffer.size() < 200'000) buffer.append(1000, 'y');
  EXPECT_EQ(buffer.data(), at + 5);
  EXPECT_EQ(buffer.capacity(), backend.held);
  EXPECT_GT(backend.resized, 2u);
  EXPECT_LT(backend.resized, 6u);
  buffer.consume(20'000);
  buffer.append(2 * buffer.capacity(), 'z');  // more than the next multiple
  EXPECT_LE(buffer.size() + buffer.room() + 20'005, buffer.capacity());
  EXPECT_LE(buffer.size() + 20'005, backend.held);
  backend.can = false;
  while (buffer.size() < 900'000) buffer.append(1000, 'z');
  EXPECT_EQ(buffer.string_view().substr(0, 150'000), std::string(150'000, 'y'));
}

TEST(byte_buffer_growth, keeps_large_blocks_of_a_pool_whole) {
  bucket_pool pool;
  byte_buffer buffer(&pool);
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    const std::string more = letters(100'000, static_cast<char>('a' + i % 26));
    buffer.append(more);
    expected += more;
    if (i % 7 == 6) {
      buffer.consume(1000);
      expected.erase(0, 1000);
    }
    ASSERT_EQ(buffer.string_view(), expected);
  }
  EXPECT_EQ(pool.statistics().large, buffer.capacity());
}

TEST(byte_buffer_growth, changes_nothing_when_there_is_no_memory) {
  cistern::fail_nth_resource failing(std::pmr::new_delete_resource());
  byte_buffer buffer = filled(letters(100), &failing);
  buffer.shrink_to_fit();
  buffer.consume(10);
  const std::string before(buffer.string_view());
  const std::byte* const at = buffer.data();
  failing.fail_next(1, cistern::failure_mode::persistent);
  const std::string more = letters(1000);
  EXPECT_THROW(buffer.append(more), std::bad_alloc);
  EXPECT_THROW(buffer.append(100, 'x'), std::bad_alloc);
  EXPECT_THROW(buffer.insert(3, more), std::bad_alloc);
  EXPECT_THROW(buffer.insert(3, 100, 'x'), std::bad_alloc);
  EXPECT_THROW(buffer.insert(3, buffer), std::bad_alloc);
  EXPECT_THROW(buffer.assign(more), std::bad_alloc);
  EXPECT_THROW(buffer.resize(1000), std::bad_alloc);
  EXPECT_THROW(buffer.reserve(1000), std::bad_alloc);
  EXPECT_THROW(buffer.append_number(1.0, std::chars_format::fixed, 200), std::bad_alloc);
  EXPECT_THROW(buffer.insert_number(0, 1.0, std::chars_format::fixed, 200), std::bad_alloc);
  EXPECT_FALSE(buffer.try_reserve(1000));
  buffer.shrink_to_fit();
  EXPECT_EQ(buffer, before);
  EXPECT_EQ(buffer.data(), at);
  failing.fail_next(0);
  buffer.append(more);
  EXPECT_EQ(buffer, before + more);
}

TEST(byte_buffer_growth, uses_what_is_consumed_when_there_is_no_memory_for_more) {
  cistern::fail_nth_resource failing(std::pmr::new_delete_resource());
  byte_buffer buffer = filled(letters(100), &failing);
  buffer.shrink_to_fit();
  buffer.consume(10);  // too few to move the others for
  failing.fail_next(1, cistern::failure_mode::persistent);
  buffer.append(10, 'x');
  EXPECT_EQ(buffer, letters(100).substr(10) + "xxxxxxxxxx");
  EXPECT_THROW(buffer.append('x'), std::bad_alloc);
}

TEST(byte_buffer_growth, takes_what_it_needs_when_there_is_no_memory_for_a_multiple) {
  bucket_pool pool({.max_bytes = std::size_t{8} << 20});
  byte_buffer buffer(&pool);
  buffer.append(std::size_t{3} << 20, 'x');
  buffer.consume(1);  // it is not asked whether the block can grow where it is
  buffer.append(2000, 'y');
  EXPECT_EQ(buffer.size(), (std::size_t{3} << 20) + 1999);
  EXPECT_LT(buffer.capacity(), std::size_t{4} << 20);
}

TEST(byte_buffer_death, ends_the_program_when_more_is_committed_than_there_is_room_for) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  byte_buffer buffer = filled("abc");
  buffer.commit(buffer.room());
  EXPECT_DEATH(buffer.commit(1), "^cistern: byte_buffer: more bytes committed than there was room for");
}

#if CISTERN_ASAN
TEST(byte_buffer_death, comes_when_a_view_is_used_whose_block_is_another_or_gone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto first = [](std::string_view view) { return *static_cast<const volatile char*>(view.data()); };
  bucket_pool pool;
  byte_buffer buffer = filled(letters(100), &pool);
  const std::string_view before = buffer.string_view();
  buffer.append(letters(1000));  // another block
  EXPECT_DEATH(first(before), "use-after-poison");
  std::string_view last = buffer.string_view();
  EXPECT_EQ(first(last), 'a');
  buffer = byte_buffer(&pool);
  EXPECT_DEATH(first(last), "use-after-poison");
  buffer.append("abc");
  last = buffer.string_view();
  buffer.release().reset();
  EXPECT_DEATH(first(last), "use-after-poison");
}
#endif

TEST(byte_buffer_growth, loses_nothing_when_any_allocation_fails) {
  cistern::contracts::every_allocation("byte_buffer", [](std::pmr::memory_resource& memory) {
    byte_buffer buffer(&memory);
    std::string expected;
    const auto both = [&](auto change, auto same) {
      try {
        change();
        same();
      } catch (const std::bad_alloc&) {
      }
      EXPECT_EQ(buffer, expected);
    };
    for (int round = 0; round < 8; ++round) {
      const std::string more = letters(std::size_t{70} << round);
      both([&] { buffer.append(more); }, [&] { expected += more; });
      both([&] { buffer.insert(buffer.size() / 2, buffer); }, [&] { expected.insert(expected.size() / 2, expected); });
      both([&] { buffer.insert(0, more); }, [&] { expected.insert(0, more); });
      both([&] { buffer.append_number(round); }, [&] { expected += std::to_string(round); });
      both([&] { buffer.resize(buffer.size() + 100); }, [&] { expected.resize(expected.size() + 100); });
      buffer.consume(50);
      expected.erase(0, 50);
      both([&] { buffer.reserve(2 * buffer.size()); }, [] {});
      buffer.shrink_to_fit();
      EXPECT_EQ(buffer, expected);
      buffer = byte_buffer(buffer.release());
      if (round % 3 == 2) both([&] { buffer.assign(more); }, [&] { expected = more; });
    }
  });
}

}  // namespace
