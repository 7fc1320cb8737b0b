// SPDX-License-Identifier: MIT
// A server in one thread: poll(2) over its connections, whose messages have very different sizes. A connection has a
// buffer only while a message of its is under way, so a thousand idle ones cost nothing; whole messages are handed out
// as slices, without a copy.
#include <cistern/pools/byte_buffer_io.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>
#include <cistern/pools/slice.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using cistern::byte_buffer;
using cistern::byte_buffer_pool;
using cistern::slice;

// A message is its length, in four bytes of this machine's order, and so many bytes.
using length_prefix = std::uint32_t;
// Each is answered by a byte.
constexpr std::array answer = {std::byte{'k'}};

class connection {
 public:
  explicit connection(int socket) : socket_(socket) {}
  int socket() const { return socket_; }
  bool has_buffer() const { return buffer_.capacity() != 0; }

  /// Reads what lies ready, and gives each message that is whole to `handle`. False when the other side has closed.
  template <class Handle>
  bool serve(byte_buffer_pool::site& buffers, Handle handle) {
    if (!has_buffer()) buffer_ = buffers.get();
    const cistern::transfer got = cistern::read_some(socket_, buffer_);
    if (!got) throw std::system_error(got.error, "read");
    if (whole_message(buffer_.span())) {
      slice read(std::move(buffer_));  // from here on nobody changes the bytes
      while (const std::optional<std::size_t> length = whole_message(read.span())) {
        read.remove_prefix(sizeof(length_prefix));
        handle(read.split_front(*length));
        if (!cistern::send_all(socket_, answer)) return false;
      }
      // The beginning of the next message, if there is one: it goes on in a buffer.
      if (!read.empty()) {
        buffer_ = buffers.get();
        buffer_.append(read.span());
      }
    }
    if (buffer_.empty()) buffer_ = byte_buffer();  // puts itself back
    return !got.end;
  }

 private:
  static std::optional<std::size_t> whole_message(std::span<const std::byte> bytes) {
    length_prefix length = 0;
    if (bytes.size() < sizeof length) return {};
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > std::size_t{1} << 20) throw std::runtime_error("a message that is too long");
    if (bytes.size() - sizeof length < length) return {};
    return length;
  }

  int socket_;
  byte_buffer buffer_;
};

// Many short messages and a few long ones, from a client that goes when all are answered.
constexpr std::size_t messages_of_each = 500;
std::size_t size_of_message(std::size_t number) { return number % 50 == 49 ? 100'000 : 20 + number; }

void send_messages(int socket) {
  for (std::size_t i = 0; i < messages_of_each; ++i) {
    byte_buffer message = byte_buffer_pool::process().get();
    const auto length = static_cast<length_prefix>(size_of_message(i));
    message.append(&length, sizeof length);
    message.append(length, static_cast<char>('a' + i % 26));
    if (!cistern::send_all(socket, message)) std::abort();
    byte_buffer answered;
    if (cistern::read_some(socket, answered, 1).bytes != 1) std::abort();
  }
  close(socket);
}

}  // namespace

int main() {
  byte_buffer_pool pool({.name = "connections"});
  byte_buffer_pool::site buffers(pool, "messages that are read");

  std::vector<connection> connections;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return 1;
    connections.emplace_back(ends[0]);
    clients.emplace_back(send_messages, ends[1]);
  }

  std::size_t messages = 0, wrong = 0;
  std::vector<slice> kept;  // beyond the connections' lives
  const auto handle = [&](slice message) {
    ++messages;
    if (std::ranges::count(message, message[0]) != std::ssize(message)) ++wrong;
    if (messages % 100 == 0) {
      message.compact();  // else a short one would keep all that was read with it
      kept.push_back(std::move(message));
    }
  };
  while (!connections.empty()) {
    std::vector<pollfd> ready;
    for (const connection& each : connections) ready.push_back({.fd = each.socket(), .events = POLLIN, .revents = 0});
    if (poll(ready.data(), ready.size(), -1) < 0) return 1;
    for (std::size_t i = ready.size(); i-- > 0;)
      if (ready[i].revents != 0 && !connections[i].serve(buffers, handle)) {
        close(connections[i].socket());
        connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
      }
  }
  for (std::thread& each : clients) each.join();

  pool.learn();  // as the next tick of the clock would
  std::size_t bytes_kept = 0;
  for (const slice& each : kept) bytes_kept += each.size();
  std::cout << messages << " messages; " << kept.size() << " are kept, of " << bytes_kept << " bytes, which pin "
            << pool.statistics().pinned << " of the pool's\n"
            << to_string(pool.learnt());  // what was read at a time, and what a get gives for it
  kept.clear();
  const bool all_back = pool.statistics().blocks.live == 0 && pool.statistics().blocks.large == 0;
  return messages == 8 * messages_of_each && wrong == 0 && all_back ? 0 : 1;
}
