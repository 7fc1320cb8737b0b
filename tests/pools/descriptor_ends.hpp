// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cistern::pool_tests {

/// Both ends of a pipe, or of a pair of sockets.
struct ends {
  int to_read = -1, to_write = -1;

  static ends of_pipe(int flags = 0) {
    int both[2] = {-1, -1};
    EXPECT_EQ(pipe2(both, O_CLOEXEC | flags), 0);
    return {both[0], both[1]};
  }
  static ends of_sockets(int flags = 0) {
    int both[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, both), 0);
    constexpr int small = 4096;
    EXPECT_EQ(setsockopt(both[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    return {both[0], both[1]};
  }
  ends(int reading, int writing) : to_read(reading), to_write(writing) {}
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
  ~ends() {
    stop_reading();
    stop_writing();
  }
  void stop_reading() { close_one(to_read); }
  void stop_writing() { close_one(to_write); }

 private:
  static void close_one(int& which) {
    if (which >= 0) close(std::exchange(which, -1));
  }
};

}  // namespace cistern::pool_tests
