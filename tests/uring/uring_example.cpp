// SPDX-License-Identifier: MIT
// A server's two ways with io_uring: what a client sends arrives in buffers that the kernel chooses, and goes into a
// file by fixed ones.
#include <cistern/uring/uring_buffer_pool.hpp>
#include <cistern/uring/uring_buffer_ring.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::uint64_t receiving = 1;

int serve(io_uring& ring, int client, int file) {
  cistern::uring_buffer_pool arriving({.name = "arriving", .count = 8, .bytes = 4096});
  cistern::uring_buffer_pool writing({.name = "writing", .count = 8, .bytes = 4096});
  cistern::uring_buffer_ring provided(ring, arriving, {.group = 1});
  if (const auto registered = writing.register_with(ring); !registered)
    std::fprintf(stderr, "%s\n", registered.message.c_str());  // and goes on

  provided.prep_recv_multishot(io_uring_get_sqe(&ring), client, receiving);
  std::uint64_t written = 0;
  for (bool open = true; open || writing.statistics().in_flight != 0;) {
    io_uring_submit_and_wait(&ring, 1);
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring, &completion) == 0) {
      if (writing.owns(*completion)) {
        static_cast<void>(writing.completed(*completion));  // the buffer is free again
      } else {
        const cistern::uring_arrival arrival = provided.take(*completion);  // back into the ring at the brace below
        if (arrival.result > 0) {
          auto out = writing.get();
          std::copy(arrival.buffer.span().begin(), arrival.buffer.span().end(), out.data());
          writing.prep_write(io_uring_get_sqe(&ring), file, std::move(out),
                             {.offset = written, .bytes = arrival.buffer.size()});
          written += arrival.buffer.size();
        } else if (!arrival.more && arrival.result != -ENOBUFS) {
          open = false;
        }
        if (open && !arrival.more) provided.prep_recv_multishot(io_uring_get_sqe(&ring), client, receiving);
      }
      io_uring_cqe_seen(&ring, completion);
    }
  }
  std::printf("%s\n%s\n", to_string(provided.statistics()).c_str(), to_string(writing.statistics()).c_str());
  return static_cast<int>(written);
}

}  // namespace

int main() {
  io_uring ring{};
  if (const int result = io_uring_queue_init(32, &ring, 0); result < 0) {
    std::fprintf(stderr, "no io_uring here: %s\n", std::strerror(-result));
    return 77;  // skipped
  }
  std::array<int, 2> sockets{};
  std::FILE* const file = std::tmpfile();
  if (file == nullptr || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0) return EXIT_FAILURE;
  const std::string text(20000, 'c');
  if (write(sockets[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) return EXIT_FAILURE;
  close(sockets[1]);
  const int written = serve(ring, sockets[0], fileno(file));
  std::printf("%d bytes written\n", written);
  io_uring_queue_exit(&ring);
  return written == 20000 ? EXIT_SUCCESS : EXIT_FAILURE;
}
