// SPDX-License-Identifier: MIT
#include "descriptor_ends.hpp"
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_io.hpp>
#include <contracts/every_allocation.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <memory_resource>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using cistern::bucket_pool;
using cistern::byte_buffer;
using cistern::read_all;
using cistern::read_some;
using cistern::send_all;
using cistern::transfer;
using cistern::write_all;
using cistern::pool_tests::ends;

std::string letters(std::size_t count) {
  std::string text(count, 'a');
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>('a' + (i + i / 26) % 26);
  return text;
}
std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

bool would_block(const transfer& done) { return done.error == std::errc::resource_unavailable_try_again; }

TEST(byte_buffer_io, reads_what_lies_ready) {
  ends pipe = ends::of_pipe();
  byte_buffer buffer;
  buffer.append("before ");
  ASSERT_EQ(write(pipe.to_write, "hello", 5), 5);
  const transfer got = read_some(pipe.to_read, buffer);
  EXPECT_TRUE(got);
  EXPECT_EQ(got.bytes, 5u);
  EXPECT_FALSE(got.end);
  EXPECT_EQ(buffer, "before hello");
  pipe.stop_writing();
  const transfer nothing = read_some(pipe.to_read, buffer);
  EXPECT_TRUE(nothing);
  EXPECT_TRUE(nothing.end);
  EXPECT_EQ(nothing.bytes, 0u);
  EXPECT_EQ(buffer, "before hello");
}

TEST(byte_buffer_io, reads_up_to_as_many_as_are_wanted) {
  const ends pipe = ends::of_pipe();
  const std::string text = letters(60'000);
  ASSERT_EQ(write(pipe.to_write, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  byte_buffer buffer;
  std::size_t had = 0;
  for (const std::size_t most : {0u, 1u, 100u, 5000u, 20'000u, 1u}) {
    const transfer got = read_some(pipe.to_read, buffer, most);
    EXPECT_TRUE(got);
    EXPECT_FALSE(got.end);
    EXPECT_EQ(got.bytes, most);
    had += most;
    EXPECT_EQ(buffer.string_view(), text.substr(0, had));
  }
}

// Whatever there is of room, consumed bytes and bytes in the pipe: one read reads all of it, nothing is lost, and the
// buffer does not become much larger than what it holds.
TEST(byte_buffer_io, reads_all_that_lies_ready_by_one_call_however_little_room_there_is) {
  bucket_pool pool;
  for (const std::size_t room : {0u, 1u, 100u, 5000u, 30'000u})
    for (const std::size_t held : {0u, 1u, 50u, 3000u, 100'000u})
      for (const std::size_t consumed : {0u, 40u, 20'000u})
        for (const std::size_t sent : {1u, 99u, 101u, 4000u, 40'000u, 65'536u}) {
          const ends pipe = ends::of_pipe();
          byte_buffer buffer(&pool);
          buffer.reserve(consumed + held + room);
          const std::string all = letters(consumed + held);
          buffer.append(all);
          buffer.consume(consumed);
          const std::string text = letters(sent);
          const bool has_little = buffer.capacity() - buffer.size() < 16'384;
          ASSERT_EQ(write(pipe.to_write, text.data(), sent), static_cast<ssize_t>(sent));
          const transfer got = read_some(pipe.to_read, buffer);
          ASSERT_TRUE(got);
          ASSERT_TRUE(got.bytes == sent || !has_little) << room << ' ' << held << ' ' << consumed;
          ASSERT_EQ(buffer.string_view(), all.substr(consumed) + text.substr(0, got.bytes));
          ASSERT_LE(buffer.capacity(), std::max(4 * (consumed + held + room + sent), std::size_t{64}));
        }
  EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
}

TEST(byte_buffer_io, keeps_a_buffer_small_that_reads_little) {
  bucket_pool pool;
  const ends pipe = ends::of_pipe();
  byte_buffer buffer(&pool);
  ASSERT_EQ(write(pipe.to_write, "hello", 5), 5);
  ASSERT_TRUE(read_some(pipe.to_read, buffer));
  EXPECT_EQ(buffer.capacity(), 64u);
  EXPECT_EQ(pool.statistics().live, 64u);
}

TEST(byte_buffer_io, takes_no_more_memory_for_a_limit_than_for_what_lies_ready) {
  bucket_pool small({.classes = cistern::four_per_doubling({.smallest = 16, .largest = 32768}), .clock = nullptr});
  bucket_pool wiping({.clock = nullptr, .zero_on_put = true});
  for (bucket_pool* const pool : {&bucket_pool::process(), &small, &wiping})
    for (const std::size_t most : {std::size_t{1} << 20, std::size_t{1} << 40, SIZE_MAX}) {
      const ends pipe = ends::of_pipe();
      ASSERT_EQ(write(pipe.to_write, "hello", 5), 5);
      const std::size_t before = pool->statistics().taken;
      byte_buffer buffer(pool);
      EXPECT_EQ(read_some(pipe.to_read, buffer, most).bytes, 5u);
      EXPECT_EQ(buffer, "hello");
      EXPECT_LE(pool->statistics().taken, before + (3 << 20));
    }
}

TEST(byte_buffer_io, reads_all_up_to_a_limit) {
  const ends pipe = ends::of_pipe();
  const std::string text = letters(60'000);
  ASSERT_EQ(write_all(pipe.to_write, text).bytes, text.size());
  byte_buffer buffer;
  transfer got = read_all(pipe.to_read, buffer, 50'000);
  EXPECT_TRUE(got);
  EXPECT_FALSE(got.end);
  EXPECT_EQ(got.bytes, 50'000u);
  got = read_all(pipe.to_read, buffer, 10'000);
  EXPECT_EQ(buffer, text);
  EXPECT_EQ(read_all(pipe.to_read, buffer, 0).bytes, 0u);
}

TEST(byte_buffer_io, reads_to_where_bytes_were_consumed) {
  const ends pipe = ends::of_pipe();
  byte_buffer buffer;
  buffer.reserve(65'536);
  const std::string all = letters(buffer.capacity());
  buffer.append(all);
  buffer.consume(all.size() - 10);
  const std::size_t capacity = buffer.capacity();
  ASSERT_EQ(write(pipe.to_write, "hello", 5), 5);
  ASSERT_TRUE(read_some(pipe.to_read, buffer));
  EXPECT_EQ(buffer.string_view(), all.substr(all.size() - 10) + "hello");
  EXPECT_EQ(buffer.capacity(), capacity);
  EXPECT_EQ(buffer.room(), capacity - 15);
}

TEST(byte_buffer_io, reads_with_any_memory_resource) {
  std::array<std::byte, 40'000> memory;
  std::pmr::monotonic_buffer_resource once(memory.data(), memory.size(), std::pmr::null_memory_resource());
  const ends pipe = ends::of_pipe();
  byte_buffer buffer(&once);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string text = letters(100);
    ASSERT_EQ(write(pipe.to_write, text.data(), text.size()), 100);
    const transfer got = read_some(pipe.to_read, buffer);
    ASSERT_TRUE(got) << i;
    ASSERT_EQ(got.bytes, 100u);
    expected += text;
    ASSERT_EQ(buffer, expected);
  }
}

TEST(byte_buffer_io, reads_until_the_end) {
  for (const std::size_t size : {0u, 1u, 5000u, 300'000u}) {
    ends pipe = ends::of_pipe();
    const std::string text = letters(size);
    std::thread writer([&] {
      EXPECT_TRUE(write_all(pipe.to_write, bytes(text)));
      pipe.stop_writing();
    });
    byte_buffer buffer;
    buffer.append("before");
    const transfer got = read_all(pipe.to_read, buffer);
    writer.join();
    EXPECT_TRUE(got);
    EXPECT_TRUE(got.end);
    EXPECT_EQ(got.bytes, size);
    EXPECT_EQ(buffer.string_view(), "before" + text);
  }
}

TEST(byte_buffer_io, reads_a_file_into_a_block_of_its_size) {
  struct expectation {
    std::size_t bytes, capacity;
  };
  // The class of one byte more.
  for (const expectation each : {expectation{199'000, 229'376}, {65'536, 81'920}, {81'900, 81'920}}) {
    std::FILE* const file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    const int descriptor = fileno(file);
    const std::string text = letters(each.bytes + 1000);
    EXPECT_EQ(write_all(descriptor, bytes(text)).bytes, text.size());
    ASSERT_EQ(lseek(descriptor, 1000, SEEK_SET), 1000);
    bucket_pool pool;
    byte_buffer buffer(&pool);
    const transfer got = read_all(descriptor, buffer);
    EXPECT_TRUE(got && got.end);
    EXPECT_EQ(buffer.string_view(), text.substr(1000));
    EXPECT_EQ(buffer.capacity(), each.capacity);
    EXPECT_TRUE(read_all(descriptor, buffer).end);
    ASSERT_EQ(lseek(descriptor, 500'000, SEEK_SET), 500'000);  // beyond its end
    EXPECT_TRUE(read_all(descriptor, buffer).end);
    EXPECT_EQ(buffer.size(), each.bytes);
    std::fclose(file);
  }
}

TEST(byte_buffer_io, reads_a_file_that_says_it_is_empty) {
  byte_buffer status;
  const int of_system = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(read_all(of_system, status).end);
  EXPECT_NE(status.string_view().find("Name:"), std::string_view::npos);
  close(of_system);
}

TEST(byte_buffer_io, says_when_nothing_lies_ready_and_goes_on_later) {
  ends pipe = ends::of_pipe(O_NONBLOCK);
  byte_buffer buffer;
  EXPECT_TRUE(would_block(read_some(pipe.to_read, buffer)));
  EXPECT_TRUE(would_block(read_all(pipe.to_read, buffer)));
  ASSERT_EQ(write(pipe.to_write, "one", 3), 3);
  const transfer got = read_all(pipe.to_read, buffer);
  EXPECT_TRUE(would_block(got));
  EXPECT_FALSE(got.end);
  EXPECT_EQ(got.bytes, 3u);
  ASSERT_EQ(write(pipe.to_write, "two", 3), 3);
  pipe.stop_writing();
  EXPECT_TRUE(read_all(pipe.to_read, buffer).end);
  EXPECT_EQ(buffer, "onetwo");
}

TEST(byte_buffer_io, says_what_is_wrong_with_a_descriptor) {
  byte_buffer buffer;
  buffer.append("abc");
  for (const transfer& done : {read_some(-1, buffer), read_all(-1, buffer), write_all(-1, buffer)}) {
    EXPECT_FALSE(done);
    EXPECT_EQ(done.error, std::errc::bad_file_descriptor);
    EXPECT_EQ(done.bytes, 0u);
    EXPECT_FALSE(done.end);
  }
  const ends pipe = ends::of_pipe();
  EXPECT_EQ(send_all(pipe.to_write, buffer).error, std::errc::not_a_socket);
  EXPECT_TRUE(write_all(-1, byte_buffer()));  // there is nothing to write
  EXPECT_EQ(buffer, "abc");
}

TEST(byte_buffer_io, writes_all_though_little_goes_over_at_a_time) {
  ends sockets = ends::of_sockets();
  const std::string text = letters(1'000'000);
  byte_buffer got;
  std::thread reader([&] { EXPECT_TRUE(read_all(sockets.to_read, got).end); });
  const transfer written = write_all(sockets.to_write, bytes(text)), sent = send_all(sockets.to_write, bytes(text));
  sockets.stop_writing();
  reader.join();
  EXPECT_TRUE(written && sent);
  EXPECT_EQ(written.bytes, text.size());
  EXPECT_EQ(sent.bytes, text.size());
  EXPECT_EQ(got.string_view(), text + text);
}

// The caller consumes what went over, and goes on with the rest when it can.
TEST(byte_buffer_io, loses_nothing_when_a_descriptor_would_block) {
  for (const bool gathered : {false, true}) {
    const ends sockets = ends::of_sockets(SOCK_NONBLOCK);
    const std::string text = letters(500'000);
    byte_buffer output, input;
    output.append(text);
    int blocked = 0;
    while (!output.empty()) {
      const std::size_t half = output.size() / 2;
      const std::array pieces = {iovec{output.data(), half}, iovec{output.data() + half, output.size() - half}};
      const transfer sent = gathered ? send_all(sockets.to_write, pieces) : send_all(sockets.to_write, output);
      output.consume(sent.bytes);
      if (sent) break;
      ASSERT_TRUE(would_block(sent)) << sent.error.message();
      ++blocked;
      ASSERT_TRUE(would_block(read_all(sockets.to_read, input)));
    }
    EXPECT_GT(blocked, 10);
    EXPECT_TRUE(would_block(read_all(sockets.to_read, input)));
    EXPECT_EQ(input.string_view(), text);
  }
}

TEST(byte_buffer_io, writes_pieces_in_turn_also_empty_ones_and_more_than_the_system_takes_at_once) {
  ends sockets = ends::of_sockets();
  const std::string text = letters(300'000);
  std::vector<iovec> pieces;
  std::string expected;
  for (std::size_t i = 0; i < 3000; ++i) {
    const std::string_view piece = std::string_view(text).substr(i * 97 % 1000, i % 7 == 0 ? 0 : i * 31 % 200);
    pieces.push_back({const_cast<char*>(piece.data()), piece.size()});
    expected += piece;
  }
  byte_buffer got;
  std::thread reader([&] { EXPECT_TRUE(read_all(sockets.to_read, got).end); });
  const transfer written = write_all(sockets.to_write, pieces), sent = send_all(sockets.to_write, pieces);
  sockets.stop_writing();
  reader.join();
  EXPECT_EQ(written.bytes, expected.size());
  EXPECT_EQ(sent.bytes, expected.size());
  EXPECT_EQ(got.string_view(), expected + expected);
  EXPECT_TRUE(write_all(-1, std::span<const iovec>()));
}

TEST(byte_buffer_io, says_that_the_other_side_has_closed_and_sends_without_a_signal) {
  ends sockets = ends::of_sockets();
  sockets.stop_reading();
  byte_buffer buffer;
  buffer.append("abc");
  sigset_t broken, before;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &broken, &before), 0);
  constexpr timespec at_once{};
  EXPECT_EQ(send_all(sockets.to_write, buffer).error, std::errc::broken_pipe);
  EXPECT_EQ(sigtimedwait(&broken, nullptr, &at_once), -1);
  EXPECT_EQ(write_all(sockets.to_write, buffer).error, std::errc::broken_pipe);
  EXPECT_EQ(sigtimedwait(&broken, nullptr, &at_once), SIGPIPE);
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_EQ(buffer, "abc");
}

TEST(byte_buffer_io, says_that_a_connection_was_reset_with_what_came_before) {
  ends sockets = ends::of_sockets();
  ASSERT_EQ(write(sockets.to_read, "unread", 6), 6);  // which its end does not read before it closes
  ASSERT_EQ(write(sockets.to_write, "abc", 3), 3);
  sockets.stop_writing();
  byte_buffer buffer;
  const transfer got = read_all(sockets.to_read, buffer);
  EXPECT_EQ(got.error, std::errc::connection_reset);
  EXPECT_EQ(got.bytes, buffer.size());
  EXPECT_FALSE(got.end);
}

std::atomic<int> interruptions = 0;

/// A signal each millisecond or less, by whose handler system calls are interrupted.
class interrupted {
 public:
  interrupted() {
    struct sigaction action {};
    action.sa_handler = [](int) { ++interruptions; };  // no SA_RESTART
    EXPECT_EQ(sigaction(SIGALRM, &action, &before_), 0);
    const itimerval often{{0, 500}, {0, 500}};
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  }
  interrupted(const interrupted&) = delete;
  interrupted& operator=(const interrupted&) = delete;
  ~interrupted() {
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
};

TEST(byte_buffer_io, goes_on_when_a_signal_interrupts) {
  ends sockets = ends::of_sockets();
  const std::string text = letters(200'000);
  byte_buffer got;
  interruptions = 0;
  const interrupted often;
  // Each side waits for the other until it has been interrupted some times more.
  const auto wait = [](int times) {
    const int before = interruptions;
    while (interruptions < before + times) poll(nullptr, 0, 1);
  };
  std::thread reader([&] {
    wait(20);
    const transfer some = read_some(sockets.to_read, got);
    EXPECT_TRUE(some) << some.error.message();
    wait(20);
    const transfer all = read_all(sockets.to_read, got);
    EXPECT_TRUE(all.end) << all.error.message();
  });
  // In pieces: a call that is interrupted ends within one.
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < text.size(); at += 1000) pieces.push_back({const_cast<char*>(text.data()) + at, 1000});
  const transfer sent = send_all(sockets.to_write, pieces);
  EXPECT_TRUE(sent) << sent.error.message();
  EXPECT_EQ(sent.bytes, text.size());
  wait(20);
  const transfer written = write_all(sockets.to_write, bytes(text));
  EXPECT_TRUE(written) << written.error.message();
  wait(20);
  sockets.stop_writing();
  reader.join();
  EXPECT_EQ(got.string_view(), text + text);
}

TEST(byte_buffer_io, reads_nothing_when_there_is_no_memory_for_it) {
  cistern::fail_nth_resource failing(std::pmr::new_delete_resource());
  ends pipe = ends::of_pipe();
  ASSERT_EQ(write(pipe.to_write, "hello", 5), 5);
  pipe.stop_writing();
  byte_buffer buffer(&failing);
  failing.fail_next(1, cistern::failure_mode::persistent);
  for (const transfer& done : {read_some(pipe.to_read, buffer), read_all(pipe.to_read, buffer)}) {
    EXPECT_EQ(done.error, std::errc::not_enough_memory);
    EXPECT_EQ(done.bytes, 0u);
  }
  failing.fail_next(0);
  buffer.reserve(100);
  failing.fail_next(1, cistern::failure_mode::persistent);
  EXPECT_TRUE(read_all(pipe.to_read, buffer).end);  // there is room for what there is
  EXPECT_EQ(buffer, "hello");
}

TEST(byte_buffer_io, loses_nothing_when_any_allocation_fails) {
  const std::string text = letters(60'000);
  for (const bool in_pool : {false, true})
    cistern::contracts::every_allocation(
        in_pool ? "reads with a pool" : "reads", [&](std::pmr::memory_resource& memory) {
          std::optional<bucket_pool> pool;
          if (in_pool) pool.emplace(cistern::pool_options{.upstream = &memory, .clock = nullptr, .background = false});
          byte_buffer buffer(in_pool ? &*pool : &memory);
          ends pipe = ends::of_pipe(O_NONBLOCK);
          std::string expected;
          for (const std::size_t size : {5u, 100u, 3000u, 60'000u, 2u, 60'000u}) {
            ASSERT_EQ(write(pipe.to_write, text.data(), size), static_cast<ssize_t>(size));
            expected.append(text, 0, size);
            while (buffer.size() < expected.size()) {
              const transfer got = size != 3000u ? read_some(pipe.to_read, buffer) : read_all(pipe.to_read, buffer);
              if (!got && !would_block(got)) {
                EXPECT_EQ(got.error, std::errc::not_enough_memory);
                break;
              }
            }
            if (buffer.size() < expected.size()) break;  // for good
            EXPECT_EQ(buffer.string_view(), expected);
          }
          EXPECT_EQ(buffer.string_view(), expected.substr(0, buffer.size()));
          std::string rest(expected.size(), ' ');
          const ssize_t left = read(pipe.to_read, rest.data(), rest.size());
          EXPECT_EQ(buffer.size() + static_cast<std::size_t>(std::max<ssize_t>(left, 0)), expected.size());
        });
}

TEST(byte_buffer_io, appends_pieces_also_of_the_buffer_itself) {
  for (const std::size_t size : {0u, 10u, 5000u}) {
    byte_buffer buffer;
    const std::string before = letters(size);
    buffer.append(before);
    buffer.shrink_to_fit();
    std::string other = "other";
    const std::array pieces = {iovec{other.data(), 5}, iovec{buffer.data(), buffer.size()}, iovec{nullptr, 0},
                               iovec{buffer.data() + size / 2, size - size / 2}};
    append(buffer, pieces);
    EXPECT_EQ(buffer.string_view(), before + other + before + before.substr(size / 2));
  }
  byte_buffer buffer;
  const std::array too_much = {iovec{&buffer, std::numeric_limits<std::size_t>::max()}, iovec{&buffer, 1}};
  EXPECT_THROW(append(buffer, too_much), std::length_error);
  EXPECT_TRUE(buffer.empty());
}

}  // namespace
