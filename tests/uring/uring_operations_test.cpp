// SPDX-License-Identifier: MIT
#include "uring_things.hpp"
#include <cistern/uring/uring_buffer_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::uring_buffer;
using cistern::uring_buffer_pool;
using cistern::uring_tests::ends;
using cistern::uring_tests::fill;
using cistern::uring_tests::new_completion;
using cistern::uring_tests::new_file;
using cistern::uring_tests::new_pipe;
using cistern::uring_tests::new_sockets;
using cistern::uring_tests::text_of;
using cistern::uring_tests::uring;
using testing::HasSubstr;

class uring_operations : public uring {};
class uring_operations_death : public uring {};

void put_text(uring_buffer& into, std::string_view text) { std::memcpy(into.data(), text.data(), text.size()); }

io_uring_cqe completion_of(std::uint64_t operation, unsigned flags = 0) { return new_completion(operation, 0, flags); }

// Each buffer of the pool is written to a file and read into another one.
void copy_through_a_file(cistern::uring_tests::test_ring& ring, uring_buffer_pool& pool, bool fixed) {
  const ends file = new_file();
  constexpr std::size_t bytes = 8192;
  for (unsigned block = 0; block < 8; ++block) {
    auto buffer = pool.get();
    fill(buffer.span(), block);
    io_uring_sqe* const entry = ring.entry();
    ASSERT_NE(pool.prep_write(entry, file.out, std::move(buffer), {.offset = block * bytes, .tag = block}), 0U);
    EXPECT_EQ(entry->opcode, fixed ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE);
  }
  EXPECT_EQ(pool.statistics().in_flight, 8U);
  ring.submit();
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(pool.completed(ring.await()).result, static_cast<int>(bytes));
  EXPECT_EQ(pool.statistics().free, 8U);

  for (unsigned block = 0; block < 8; ++block) {
    auto buffer = pool.get();
    std::memset(buffer.data(), 0, buffer.size());
    io_uring_sqe* const entry = ring.entry();
    ASSERT_NE(pool.prep_read(entry, file.in, std::move(buffer), {.offset = (7 - block) * bytes, .tag = 7 - block}), 0U);
    EXPECT_EQ(entry->opcode, fixed ? IORING_OP_READ_FIXED : IORING_OP_READ);
  }
  ring.submit();
  for (unsigned i = 0; i < 8; ++i) {
    const auto done = pool.completed(ring.await());
    ASSERT_EQ(done.result, static_cast<int>(bytes));
    ASSERT_FALSE(done.more);
    std::vector<std::byte> expected(bytes);
    fill(expected, static_cast<unsigned>(done.tag));
    EXPECT_EQ(std::memcmp(done.buffer.data(), expected.data(), bytes), 0) << done.tag;
  }
  EXPECT_EQ(pool.statistics().free, 8U);
}

TEST_F(uring_operations, write_and_read_files_by_fixed_buffers) {
  uring_buffer_pool pool({.count = 8, .bytes = 8192});
  const auto registered = pool.register_with(ring.get());
  ASSERT_TRUE(registered) << registered.message;
  EXPECT_TRUE(pool.is_registered() && pool.statistics().registered);
  copy_through_a_file(ring, pool, true);
}

TEST_F(uring_operations, write_and_read_files_without_registering) {
  uring_buffer_pool pool({.count = 8, .bytes = 8192});
  EXPECT_FALSE(pool.is_registered());
  copy_through_a_file(ring, pool, false);
}

TEST_F(uring_operations, go_through_pipes_by_fixed_buffers_smaller_than_a_page) {
  uring_buffer_pool pool({.count = 16, .bytes = 256});
  ASSERT_TRUE(pool.register_with(ring.get()));
  const ends pipe = new_pipe();
  auto buffer = pool.get();
  put_text(buffer, "skipped, sent");
  pool.prep_write(ring.entry(), pipe.out, std::move(buffer), {.first = 9, .bytes = 4});
  EXPECT_EQ(pool.completed(ring.submit_and_await()).result, 4);
  buffer = pool.get();
  std::memset(buffer.data(), '.', buffer.size());
  pool.prep_read(ring.entry(), pipe.in, std::move(buffer), {.first = 2});
  const auto done = pool.completed(ring.submit_and_await());
  EXPECT_EQ(done.result, 4);
  EXPECT_EQ(text_of(done.buffer.span().first(8)), "..sent..");
}

TEST_F(uring_operations, keep_their_buffer_until_they_complete) {
  uring_buffer_pool pool({.count = 2});
  const ends pipe = new_pipe();
  std::uint32_t index = 0;
  {
    auto buffer = pool.get();
    index = buffer.index();
    pool.prep_read(ring.entry(), pipe.in, std::move(buffer), {.tag = 42});
    ring.submit();
    EXPECT_FALSE(buffer);
  }  // the handle is gone, the kernel still waits to write
  auto other = pool.get();
  EXPECT_NE(other.index(), index);
  EXPECT_FALSE(pool.try_get());
  EXPECT_EQ(pool.statistics().in_flight, 1U);

  pipe.write("late");
  auto done = pool.completed(ring.await());
  EXPECT_EQ(done.tag, 42U);
  EXPECT_EQ(done.buffer.index(), index);
  EXPECT_EQ(text_of(done.buffer.span().first(4)), "late");
  done.buffer.put();
  EXPECT_EQ(pool.get().index(), index);
}

TEST_F(uring_operations, can_be_cancelled_by_their_number) {
  uring_buffer_pool pool({.count = 1});
  const ends sockets = new_sockets();
  const std::uint64_t operation = pool.prep_read(ring.entry(), sockets.in, pool.get());
  ring.submit();
  ring.cancel(operation);
  for (int i = 0; i < 2; ++i) {
    const io_uring_cqe each = ring.await();
    if (pool.owns(each))
      EXPECT_EQ(pool.completed(each).result, -ECANCELED);
    else
      EXPECT_EQ(each.user_data, 1U);
  }
  EXPECT_EQ(pool.statistics().free, 1U);
}

TEST_F(uring_operations, leave_the_handle_where_there_is_no_entry_or_no_such_part) {
  uring_buffer_pool pool({.count = 1, .bytes = 4096});
  auto buffer = pool.get();
  EXPECT_EQ(pool.prep_read(nullptr, 0, std::move(buffer)), 0U);
  EXPECT_EQ(pool.prep_write(nullptr, 0, std::move(buffer)), 0U);
  io_uring_sqe entry{};
  EXPECT_THROW(pool.prep_read(&entry, 0, std::move(buffer), {.bytes = 4097}), std::out_of_range);
  EXPECT_THROW(pool.prep_write(&entry, 0, std::move(buffer), {.first = 1, .bytes = 4096}), std::out_of_range);
  EXPECT_THROW(pool.prep_read(&entry, 0, std::move(buffer), {.first = 4097}), std::out_of_range);
  EXPECT_TRUE(buffer);
  EXPECT_EQ(pool.statistics().in_flight, 0U);
}

TEST_F(uring_operations, are_told_apart_by_pool_on_one_io_uring) {
  uring_buffer_pool one({.count = 1}), other({.count = 1});
  const ends pipe = new_pipe();
  one.prep_write(ring.entry(), pipe.out, one.get(), {.bytes = 1});
  other.prep_write(ring.entry(), pipe.out, other.get(), {.bytes = 2});
  ring.submit();
  for (int i = 0; i < 2; ++i) {
    const io_uring_cqe each = ring.await();
    ASSERT_NE(one.owns(each), other.owns(each));
    EXPECT_EQ((one.owns(each) ? one : other).completed(each).result, one.owns(each) ? 1 : 2);
  }
  int variable = 0;
  EXPECT_FALSE(one.owns(completion_of(reinterpret_cast<std::uintptr_t>(&variable))));
  EXPECT_FALSE(one.owns(completion_of(LIBURING_UDATA_TIMEOUT)));
}

TEST_F(uring_operations, keep_their_buffer_while_there_is_more) {
  uring_buffer_pool pool({.count = 1});
  const std::uint64_t operation = pool.begin(pool.get(), 5);
  const auto first = pool.completed(completion_of(operation, IORING_CQE_F_MORE));
  EXPECT_TRUE(first.more);
  EXPECT_FALSE(first.buffer);
  EXPECT_EQ(first.tag, 5U);
  EXPECT_EQ(pool.statistics().in_flight, 1U);
  const auto last = pool.completed(completion_of(operation, IORING_CQE_F_NOTIF));
  EXPECT_TRUE(last.buffer);
}

TEST_F(uring_operations, can_be_taken_back_before_they_are_submitted) {
  uring_buffer_pool pool({.count = 1});
  io_uring_sqe entry{};
  const std::uint64_t operation = pool.prep_read(&entry, 0, pool.get());
  EXPECT_EQ(entry.user_data, operation);
  EXPECT_TRUE(pool.take_back(operation));
  EXPECT_EQ(pool.statistics().free, 1U);
}

TEST_F(uring_operations, may_use_another_io_uring_after_the_first) {
  cistern::uring_tests::test_ring second;
  uring_buffer_pool pool({.count = 8, .bytes = 8192}), other({.count = 1});
  ASSERT_TRUE(pool.register_with(ring.get()));
  const auto again = pool.register_with(second.get());
  EXPECT_EQ(again.error, std::errc::connection_already_in_progress);
  EXPECT_THAT(again.message, HasSubstr("unregister() comes first"));
  const auto taken = other.register_with(ring.get());
  EXPECT_EQ(taken.error, std::errc::device_or_resource_busy);
  EXPECT_THAT(taken.message, HasSubstr("has fixed buffers already"));
  pool.unregister();
  pool.unregister();
  copy_through_a_file(ring, pool, false);
  EXPECT_TRUE(other.register_with(ring.get()));  // for the first one's table is free
  ASSERT_TRUE(pool.register_with(second.get()));
  copy_through_a_file(second, pool, true);
}

TEST_F(uring_operations, are_not_fixed_with_more_buffers_than_an_io_uring_takes) {
  uring_buffer_pool pool({.count = 16385, .bytes = 64});
  const auto refused = pool.register_with(ring.get());
  EXPECT_EQ(refused.error, std::errc::argument_list_too_long);
  EXPECT_THAT(refused.message, HasSubstr("no more than 16384"));
}

TEST_F(uring_operations_death, end_the_program_when_completed_twice) {
  uring_buffer_pool pool({.name = "twice", .count = 2});
  const io_uring_cqe done = completion_of(pool.begin(pool.get()));
  static_cast<void>(pool.completed(done));
  EXPECT_DEATH(static_cast<void>(pool.completed(done)),
               "cistern: uring pool \"twice\": operation 0x[0-9a-f]+ on buffer 0 completed twice, or never begun; the "
               "buffer is free now");
  // Also when the buffer is in flight again.
  const std::uint64_t second = pool.begin(pool.get());
  EXPECT_DEATH(static_cast<void>(pool.completed(done)), "completed twice, or never begun; the buffer is in flight now");
  static_cast<void>(pool.take_back(second));
}

TEST_F(uring_operations_death, end_the_program_with_the_number_of_another_pool_or_of_no_buffer) {
  uring_buffer_pool pool({.name = "mine", .count = 2}), other({.count = 2});
  const std::uint64_t theirs = other.begin(other.get());
  EXPECT_DEATH(static_cast<void>(pool.completed(completion_of(theirs))),
               "\"mine\": completion of what is no operation");
  EXPECT_DEATH(static_cast<void>(other.completed(completion_of(theirs | 2))),
               "completion of what is no operation of this pool \\(user_data 0x");
  EXPECT_DEATH(static_cast<void>(pool.completed(completion_of(17))), "no operation of this pool \\(user_data 0x11\\)");
  static_cast<void>(other.take_back(theirs));
}

TEST_F(uring_operations_death, end_the_program_with_a_buffer_of_another_pool_or_none) {
  uring_buffer_pool pool({.name = "mine", .count = 2}), other({.name = "theirs", .count = 2});
  io_uring_sqe entry{};
  EXPECT_DEATH(pool.prep_read(&entry, 0, other.get()), "\"mine\": operation with a buffer of the pool \"theirs\"");
  EXPECT_DEATH(pool.prep_write(&entry, 0, uring_buffer()), "\"mine\": operation without a buffer");
}

TEST_F(uring_operations_death, end_the_program_with_their_pool) {
  EXPECT_DEATH(
      {
        uring_buffer_pool pool({.name = "early", .count = 2});
        pool.begin(pool.get());
      },
      "\"early\": ended with 1 operations in flight, and the kernel may still use their buffers; cancel them and pass "
      "their completions to completed\\(\\) first");
}

}  // namespace
