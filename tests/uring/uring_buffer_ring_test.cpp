// SPDX-License-Identifier: MIT
#include "uring_things.hpp"
#include <cistern/uring/uring_buffer_pool.hpp>
#include <cistern/uring/uring_buffer_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <latch>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::pool_exhausted;
using cistern::uring_arrival;
using cistern::uring_buffer_pool;
using cistern::uring_buffer_ring;
using cistern::uring_received;
using cistern::uring_tests::ends;
using cistern::uring_tests::new_completion;
using cistern::uring_tests::new_file;
using cistern::uring_tests::new_pipe;
using cistern::uring_tests::new_sockets;
using cistern::uring_tests::test_ring;
using cistern::uring_tests::text_of;
using cistern::uring_tests::uring;
using testing::HasSubstr;

static_assert(std::is_nothrow_move_constructible_v<uring_received> && !std::is_copy_constructible_v<uring_received>);

constexpr std::uint64_t operation = 99;

class uring_ring : public uring {
 protected:
  void SetUp() override {
    uring::SetUp();
    if (IsSkipped()) return;
    try {
      uring_buffer_pool pool({.count = 1});
      uring_buffer_ring buffers(ring.get(), pool);
      const ends sockets = new_sockets();
      sockets.write("?");
      buffers.prep_recv_multishot(ring.entry(), sockets.in, operation);
      ring.submit();
      const uring_arrival first = buffers.take(ring.await());
      if (first.result == -EINVAL) GTEST_SKIP() << "multishot receives need Linux 6.0";
      ASSERT_TRUE(first.more);
      cancel_all(buffers);
    } catch (const std::system_error& thrown) {
      if (thrown.code() != std::errc::invalid_argument) throw;
      GTEST_SKIP() << thrown.what();
    }
  }

  uring_arrival next(uring_buffer_ring& buffers) {
    const io_uring_cqe each = ring.await();
    EXPECT_EQ(each.user_data, operation);
    return buffers.take(each);
  }
  void receive(uring_buffer_ring& buffers, const ends& from) {
    ASSERT_TRUE(buffers.prep_recv_multishot(ring.entry(), from.in, operation));
    ring.submit();
  }
  void cancel_all(uring_buffer_ring& buffers) {
    ring.cancel(operation);
    while (buffers.statistics().operations != 0) {
      const io_uring_cqe each = ring.await();
      if (each.user_data == operation) static_cast<void>(buffers.take(each));
    }
    while (ring.has_completion()) ring.await();  // the cancellation's
  }
};
class uring_ring_death : public uring_ring {};

TEST_F(uring_ring, brings_each_message_in_a_buffer_of_the_pool) {
  uring_buffer_pool pool({.count = 4, .bytes = 4096});
  uring_buffer_ring buffers(ring.get(), pool, {.group = 3});
  EXPECT_EQ(buffers.group(), 3U);
  EXPECT_EQ(pool.statistics().lent, 4U);
  ends sockets = new_sockets(SOCK_SEQPACKET);
  receive(buffers, sockets);
  for (int i = 0; i < 100; ++i) {
    const std::string text = "message " + std::to_string(i);
    sockets.write(text);
    const uring_arrival one = next(buffers);
    ASSERT_EQ(one.result, static_cast<int>(text.size()));
    EXPECT_TRUE(one.more);
    EXPECT_EQ(text_of(one.buffer.span()), text);
  }
  EXPECT_EQ(buffers.statistics().arrivals, 100U);
  sockets.close_out();
  const uring_arrival end = next(buffers);
  EXPECT_EQ(end.result, 0);
  EXPECT_EQ(end.buffer.size(), 0U);
  EXPECT_FALSE(end.more);
  EXPECT_EQ(buffers.statistics().operations, 0U);
}

TEST_F(uring_ring, leaves_a_buffer_alone_until_it_is_put_and_uses_it_again) {
  uring_buffer_pool pool({.count = 4, .bytes = 64});
  uring_buffer_ring buffers(ring.get(), pool);
  const ends sockets = new_sockets(SOCK_SEQPACKET);
  receive(buffers, sockets);
  sockets.write("kept for long");
  uring_arrival kept = next(buffers);
  std::set<std::uint32_t> used;
  for (int i = 0; i < 60; ++i) {  // many times round the ring, two at a time and put in the other order
    sockets.write("a" + std::to_string(i));
    sockets.write("b" + std::to_string(i));
    uring_arrival first = next(buffers), second = next(buffers);
    ASSERT_EQ(text_of(first.buffer.span()), "a" + std::to_string(i));
    ASSERT_EQ(text_of(second.buffer.span()), "b" + std::to_string(i));
    used.insert({first.buffer.index(), second.buffer.index()});
    second.buffer.put();
    first.buffer.put();
  }
  EXPECT_EQ(used.size(), 3U);
  EXPECT_EQ(used.count(kept.buffer.index()), 0U);
  EXPECT_EQ(text_of(kept.buffer.span()), "kept for long");
  kept.buffer.put();
  EXPECT_FALSE(kept.buffer);
  EXPECT_EQ(buffers.statistics().lent, 4U);
  cancel_all(buffers);
}

TEST_F(uring_ring, ends_a_receive_when_all_buffers_are_out_and_loses_nothing) {
  uring_buffer_pool pool({.name = "two", .count = 2, .bytes = 64});
  uring_buffer_ring buffers(ring.get(), pool, {.group = 7});
  const ends sockets = new_sockets(SOCK_SEQPACKET);
  receive(buffers, sockets);
  std::vector<uring_received> held;
  for (const char* const each : {"one", "two"}) {
    sockets.write(each);
    held.push_back(next(buffers).buffer);
  }
  sockets.write("three");
  const uring_arrival refused = next(buffers);
  EXPECT_EQ(refused.result, -ENOBUFS);
  EXPECT_FALSE(refused.more);
  EXPECT_FALSE(refused.buffer);
  EXPECT_EQ(to_string(buffers.statistics()),
            "uring ring of pool \"two\": group 7 total 2 lent 0 held 2 operations 0 arrivals 2 exhausted 1");

  held.erase(held.begin());
  receive(buffers, sockets);
  const uring_arrival third = next(buffers);
  EXPECT_EQ(text_of(third.buffer.span()), "three");
  EXPECT_EQ(text_of(held.front().span()), "two");
  cancel_all(buffers);
}

TEST_F(uring_ring, serves_single_receives_and_reads) {
  uring_buffer_pool pool({.count = 2, .bytes = 64});
  uring_buffer_ring buffers(ring.get(), pool);
  const ends sockets = new_sockets(), pipe = new_pipe(), file = new_file();
  sockets.write("by socket");
  ASSERT_TRUE(buffers.prep_recv(ring.entry(), sockets.in, operation));
  ring.submit();
  EXPECT_EQ(text_of(next(buffers).buffer.span()), "by socket");
  pipe.write("by pipe");
  ASSERT_TRUE(buffers.prep_read(ring.entry(), pipe.in, operation));
  ring.submit();
  EXPECT_EQ(text_of(next(buffers).buffer.span()), "by pipe");
  file.write(std::string(100, 'x') + "by file");
  ASSERT_TRUE(buffers.prep_read(ring.entry(), file.in, operation, 100));
  ring.submit();
  EXPECT_EQ(text_of(next(buffers).buffer.span()), "by file");
  EXPECT_FALSE(buffers.prep_recv_multishot(nullptr, 0));
  EXPECT_FALSE(buffers.prep_read(nullptr, 0));
  EXPECT_EQ(buffers.statistics().operations, 0U);
}

TEST_F(uring_ring, takes_as_many_buffers_as_it_is_told_and_gives_them_back) {
  uring_buffer_pool pool({.count = 5});
  {
    const auto held = pool.get();
    const uring_buffer_ring some(ring.get(), pool, {.group = 1, .count = 3});
    EXPECT_EQ(pool.statistics().free, 1U);
    EXPECT_EQ(pool.statistics().lent, 3U);
    EXPECT_THROW(uring_buffer_ring(ring.get(), pool, {.group = 2, .count = 2}), pool_exhausted);
    EXPECT_THROW(uring_buffer_ring(ring.get(), pool, {.group = 2, .count = 32769}), std::invalid_argument);
    try {
      const uring_buffer_ring again(ring.get(), pool, {.group = 1});
      ADD_FAILURE() << "two rings of one group";
    } catch (const std::system_error& thrown) {
      EXPECT_EQ(thrown.code(), std::errc::file_exists);
      EXPECT_THAT(thrown.what(), HasSubstr("group 1 (in use)"));
    }
    EXPECT_EQ(pool.statistics().free, 1U);
  }
  EXPECT_EQ(pool.statistics().free, 5U);
  const uring_buffer_ring all(ring.get(), pool, {.group = 1});  // the kernel has let go of the group
  EXPECT_EQ(pool.statistics().lent, 5U);
  EXPECT_THROW(uring_buffer_ring(ring.get(), pool, {.group = 2}), pool_exhausted);
}

TEST_F(uring_ring, may_end_before_its_handles_and_the_pool_too) {
  uring_received first, second;
  {
    uring_buffer_pool pool({.count = 3, .bytes = 64});
    {
      uring_buffer_ring buffers(ring.get(), pool);
      const ends sockets = new_sockets(SOCK_SEQPACKET);
      receive(buffers, sockets);
      sockets.write("first");
      sockets.write("second");
      first = next(buffers).buffer;
      second = next(buffers).buffer;
      cancel_all(buffers);
    }
    EXPECT_EQ(pool.statistics().free, 1U);
    EXPECT_EQ(pool.statistics().held, 2U);
    first.put();
    EXPECT_EQ(pool.statistics().free, 2U);
  }
  EXPECT_EQ(text_of(second.span()), "second");
}

TEST_F(uring_ring, takes_buffers_back_from_any_thread) {
  uring_buffer_pool pool({.count = 8, .bytes = 64});
  uring_buffer_ring buffers(ring.get(), pool);
  const ends sockets = new_sockets(SOCK_SEQPACKET);
  receive(buffers, sockets);
  for (int round = 0; round < 200; ++round) {
    std::latch together(4);
    std::vector<std::thread> readers;
    for (int i = 0; i < 4; ++i) {
      sockets.write("for a thread");
      readers.emplace_back([&together, got = next(buffers).buffer]() mutable {
        EXPECT_EQ(text_of(got.span()), "for a thread");
        together.arrive_and_wait();
        got.put();
      });
    }
    for (auto& each : readers) each.join();
  }
  EXPECT_EQ(buffers.statistics().held, 0U);
  EXPECT_EQ(buffers.statistics().lent, 8U);
  cancel_all(buffers);
}

TEST_F(uring_ring, shares_an_io_uring_with_fixed_buffers_of_its_pool) {
  uring_buffer_pool pool({.count = 4, .bytes = 4096});
  ASSERT_TRUE(pool.register_with(ring.get()));
  uring_buffer_ring buffers(ring.get(), pool, {.count = 2});
  const ends sockets = new_sockets();
  receive(buffers, sockets);
  auto out = pool.get();
  std::memcpy(out.data(), "fixed", 5);
  pool.prep_write(ring.entry(), sockets.out, std::move(out), {.bytes = 5});
  ring.submit();
  for (int i = 0; i < 2; ++i) {
    const io_uring_cqe each = ring.await();
    if (pool.owns(each))
      EXPECT_EQ(pool.completed(each).result, 5);
    else
      EXPECT_EQ(text_of(buffers.take(each).buffer.span()), "fixed");
  }
  cancel_all(buffers);
}

TEST_F(uring_ring_death, ends_the_program_when_a_completion_is_taken_twice) {
  uring_buffer_pool pool({.name = "taken", .count = 2, .bytes = 64});
  uring_buffer_ring buffers(ring.get(), pool);
  const ends sockets = new_sockets();
  receive(buffers, sockets);
  sockets.write("once");
  const io_uring_cqe each = ring.await();
  const uring_arrival first = buffers.take(each);
  EXPECT_DEATH(static_cast<void>(buffers.take(each)), "\"taken\": buffer [01] taken twice by one completion");
  cancel_all(buffers);
  EXPECT_DEATH(static_cast<void>(buffers.take(new_completion(operation, -ENOBUFS, 0))),
               "its ring of group 0 has a completion, and no operation in flight");
}

TEST_F(uring_ring_death, ends_the_program_with_a_buffer_that_is_not_its_own) {
  uring_buffer_pool pool({.name = "shared", .count = 4, .bytes = 64});
  uring_buffer_ring buffers(ring.get(), pool, {.group = 1, .count = 1});
  const uring_buffer_ring other(ring.get(), pool, {.group = 2, .count = 1});
  const auto with_buffer = [](unsigned index) {
    return new_completion(operation, 1, IORING_CQE_F_BUFFER | index << IORING_CQE_BUFFER_SHIFT);
  };
  buffers.begin();
  EXPECT_DEATH(static_cast<void>(buffers.take(with_buffer(1))),
               "\"shared\": completion with buffer 1, which is not of");
  EXPECT_DEATH(static_cast<void>(buffers.take(with_buffer(3))), "completion with buffer 3, which is not of this ring");
  EXPECT_DEATH(static_cast<void>(buffers.take(with_buffer(9))), "completion with buffer 9, which is not of this ring");
  buffers.take_back();
}

TEST_F(uring_ring_death, ends_the_program_with_operations_in_flight_or_before_its_ring) {
  EXPECT_DEATH(
      {
        uring_buffer_pool pool({.name = "early", .count = 2});
        uring_buffer_ring buffers(ring.get(), pool, {.group = 4});
        buffers.begin();
      },
      "\"early\": its ring of group 4 ended with 1 operations in flight, and the kernel may still use its buffers; "
      "cancel them and take\\(\\) their completions first");
  EXPECT_DEATH(
      {
        auto* const pool = new uring_buffer_pool({.name = "under", .count = 2});
        const uring_buffer_ring buffers(ring.get(), *pool);
        delete pool;
      },
      "\"under\": ended before 1 rings of provided buffers that have buffers of it");
}

}  // namespace
