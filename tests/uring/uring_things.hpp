// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cistern::uring_tests {

inline io_uring_cqe new_completion(std::uint64_t user_data, int result, unsigned flags) {
  io_uring_cqe made{};
  made.user_data = user_data;
  made.res = result;
  made.flags = flags;
  return made;
}

/// An io_uring, or the reason why there is none.
class test_ring {
 public:
  explicit test_ring(unsigned entries = 64) : error_(-io_uring_queue_init(entries, &ring_, 0)) {}
  ~test_ring() {
    if (error_ == 0) io_uring_queue_exit(&ring_);
  }
  test_ring(const test_ring&) = delete;
  test_ring& operator=(const test_ring&) = delete;

  std::optional<std::string> why_not() const {
    if (error_ == EPERM || error_ == ENOSYS || error_ == ENOMEM)
      return std::string("no io_uring here: ") + std::strerror(error_);
    EXPECT_EQ(error_, 0);
    return {};
  }
  io_uring& get() { return ring_; }
  io_uring_sqe* entry() { return io_uring_get_sqe(&ring_); }
  void submit() { EXPECT_GE(io_uring_submit(&ring_), 0); }

  /// A copy of the next completion, which is seen then.
  io_uring_cqe await() {
    io_uring_cqe* at = nullptr;
    while (io_uring_wait_cqe(&ring_, &at) == -EINTR) {
    }
    const io_uring_cqe copy = new_completion(at->user_data, at->res, at->flags);
    io_uring_cqe_seen(&ring_, at);
    return copy;
  }
  io_uring_cqe submit_and_await() {
    submit();
    return await();
  }
  bool has_completion() {
    io_uring_cqe* at = nullptr;
    return io_uring_peek_cqe(&ring_, &at) == 0;
  }
  void cancel(std::uint64_t operation) {
    io_uring_sqe* const of = entry();
    io_uring_prep_cancel64(of, operation, 0);
    of->user_data = 1;
    submit();
  }

 private:
  io_uring ring_{};
  int error_;
};

class uring : public ::testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (const auto why = ring.why_not()) GTEST_SKIP() << *why;
  }
  test_ring ring;
};

/// Two ends of a pipe or of a pair of sockets, or a file in both.
struct ends {
  ends(int first, int second) : in(first), out(second) {}
  ~ends() {
    close(in);
    if (out != in) close_out();
  }
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
  void close_out() {
    if (out >= 0) close(out);
    out = -1;
  }
  void write(std::string_view text) const {
    EXPECT_EQ(::write(out, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  int in, out;
};

inline ends new_pipe() {
  std::array<int, 2> both{};
  EXPECT_EQ(pipe(both.data()), 0);
  return {both[0], both[1]};
}
inline ends new_sockets(int type = SOCK_STREAM) {
  std::array<int, 2> both{};
  EXPECT_EQ(socketpair(AF_UNIX, type, 0, both.data()), 0);
  return {both[0], both[1]};
}
inline ends new_file() {
  std::string name = ::testing::TempDir() + "cistern_uring_XXXXXX";
  const int file = mkstemp(name.data());
  EXPECT_GE(file, 0);
  unlink(name.c_str());
  return {file, file};
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline void fill(std::span<std::byte> bytes, unsigned seed) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((i * 31 + seed * 7 + (i >> 8)) & 0xff);
}

}  // namespace cistern::uring_tests
