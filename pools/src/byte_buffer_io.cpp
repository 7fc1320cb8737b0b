// SPDX-License-Identifier: MIT
//
// Bytes between buffers and descriptors.
//
// What was read must not be lost when memory ends, so the memory is there before the system call: the room of the
// buffer, and behind it a spare block that could take the buffer's bytes and all that is read. If what overflows into
// that fills much of it, the buffer goes on with the spare block; else with one that fits, if there is memory.
#include "pool_state.hpp"
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_io.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <typeinfo>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cistern::inline v0 {

struct detail::byte_buffer_io {
  // A read into so much room is as good as one into more.
  static constexpr std::size_t enough_room = std::size_t{16} << 10;

  static transfer read_some(int descriptor, byte_buffer& into, std::size_t most) noexcept;
  static transfer read_with_spare(int descriptor, byte_buffer& into, std::size_t most, byte_buffer& spare) noexcept;

  // Whether a block of so many bytes that is taken and given back costs little: one that a pool or a backend keeps. Of
  // a monotonic resource it would be lost.
  static bool has_spare_blocks(const byte_buffer& buffer, std::size_t bytes) noexcept {
    const std::pmr::memory_resource* const resource = buffer.resource_;
    if (resource == nullptr || typeid(*resource) == typeid(bucket_pool)) {
      const bucket_pool& pool =
          resource != nullptr ? static_cast<const bucket_pool&>(*resource) : bucket_pool::process();
      const pool_state& state = pool_state::of(pool.core());
      return state.is_plain() && !state.has_ended() && bytes <= state.classes().largest();
    }
    constexpr std::size_t most = std::size_t{256} << 10;
    return bytes <= most && dynamic_cast<const backend_resource*>(resource) != nullptr;
  }
  static bool try_prepare(byte_buffer& buffer, std::size_t count) noexcept {
    try {
      static_cast<void>(buffer.prepare(count));
      return true;
    } catch (...) {
      return false;
    }
  }
};

namespace {

using detail::byte_buffer_io;

std::error_code last_error() noexcept { return {errno, std::generic_category()}; }
transfer no_memory() noexcept { return {.error = std::make_error_code(std::errc::not_enough_memory)}; }

// A system call until no signal interrupts it.
template <class Call>
ssize_t uninterrupted(Call call) noexcept {
  ssize_t done = -1;
  do done = call();
  while (done < 0 && errno == EINTR);
  return done;
}

// One read into the room that there is.
transfer read_into_room(int descriptor, byte_buffer& into, std::size_t most) noexcept {
  const std::size_t wanted = std::min(into.room(), most);
  std::byte* const at = into.data() + into.size();
  const ssize_t got = uninterrupted([&] { return ::read(descriptor, at, wanted); });
  if (got < 0) return {.error = last_error()};
  into.commit(static_cast<std::size_t>(got));
  return {.bytes = static_cast<std::size_t>(got), .end = got == 0};
}

// The bytes of a regular file from where it is read; 0 if that cannot be told.
std::size_t bytes_ahead(int descriptor) noexcept {
  struct stat file {};
  if (::fstat(descriptor, &file) != 0 || !S_ISREG(file.st_mode)) return 0;
  const off_t at = ::lseek(descriptor, 0, SEEK_CUR);
  return at >= 0 && file.st_size > at ? static_cast<std::size_t>(file.st_size - at) : 0;
}

// What is left of several pieces, some at a time.
class pieces_left {
 public:
  explicit pieces_left(std::span<const iovec> pieces) noexcept : left_(pieces) {}

  /// The next ones that are not empty; none when all have gone over.
  std::span<iovec> next() noexcept {
    std::size_t count = 0;
    std::size_t skip = skip_;
    for (std::size_t i = 0; i < left_.size() && count < some_.size(); ++i, skip = 0)
      if (left_[i].iov_len > skip)
        some_[count++] = {static_cast<std::byte*>(left_[i].iov_base) + skip, left_[i].iov_len - skip};
    return std::span(some_).first(count);
  }
  void went_over(std::size_t bytes) noexcept {
    bytes += skip_;
    while (!left_.empty() && left_.front().iov_len <= bytes) {
      bytes -= left_.front().iov_len;
      left_ = left_.subspan(1);
    }
    skip_ = bytes;
  }

 private:
  std::span<const iovec> left_;
  std::size_t skip_ = 0;  // of the first one
  std::array<iovec, 64> some_;
};

template <class Write>
transfer all_of(std::span<const iovec> pieces, Write write) noexcept {
  transfer done;
  pieces_left left(pieces);
  for (std::span<iovec> some = left.next(); !some.empty(); some = left.next()) {
    const ssize_t went = uninterrupted([&] { return write(some); });
    if (went <= 0) {
      done.error = went < 0 ? last_error() : std::make_error_code(std::errc::io_error);
      break;
    }
    done.bytes += static_cast<std::size_t>(went);
    left.went_over(static_cast<std::size_t>(went));
  }
  return done;
}

iovec piece_of(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};  // which is only read
}

}  // namespace

transfer byte_buffer_io::read_with_spare(int descriptor, byte_buffer& into, std::size_t most,
                                         byte_buffer& spare) noexcept {
  const std::size_t room = into.room(), held = into.size() + room;
  std::byte* const behind = spare.block_ + held;
  const std::array<iovec, 2> places = {{{into.end_, room}, {behind, most - room}}};
  const ssize_t result = uninterrupted([&] { return ::readv(descriptor, places.data(), 2); });
  if (result < 0) return {.error = last_error()};
  const auto got = static_cast<std::size_t>(result);
  if (got <= room) {
    into.end_ += got;
    return {.bytes = got, .end = got == 0};
  }
  const std::size_t overflowed = got - room;
  into.end_ += room;
  if (overflowed < (most - room) / 2 && try_prepare(into, overflowed)) {
    std::memcpy(into.end_, behind, overflowed);
  } else {
    const std::size_t capacity = spare.capacity();
    spare.begin_ = spare.end_ = spare.limit_ = nullptr;
    into.put_into(std::exchange(spare.block_, nullptr), capacity);
  }
  into.end_ += overflowed;
  return {.bytes = got};
}

transfer byte_buffer_io::read_some(int descriptor, byte_buffer& into, std::size_t most) noexcept {
  const std::size_t enough = std::min(most, enough_room);
  const auto consumed = static_cast<std::size_t>(into.begin_ - into.block_);
  if (into.room() < enough && consumed != 0 && into.size() <= 2 * consumed) into.move_to_front();
  if (into.room() >= enough) return read_into_room(descriptor, into, most);
  const std::size_t at_once = std::min(most, read_some_most);
  if (has_spare_blocks(into, into.size() + at_once)) {
    byte_buffer spare(into.resource_);
    if (spare.try_reserve(into.size() + at_once)) return read_with_spare(descriptor, into, at_once, spare);
  }
  try_prepare(into, std::min<std::size_t>(most, 4096));
  return into.room() != 0 ? read_into_room(descriptor, into, most) : no_memory();
}

transfer read_some(int descriptor, byte_buffer& into, std::size_t most) noexcept {
  return most != 0 ? byte_buffer_io::read_some(descriptor, into, most) : transfer{};
}

transfer read_all(int descriptor, byte_buffer& into, std::size_t most) noexcept {
  const std::size_t ahead = std::min(bytes_ahead(descriptor), most);
  // One byte more: by reading nothing into that the end is seen.
  const bool knows =
      ahead != 0 && ahead < byte_buffer::max_size() - into.size() && into.try_reserve(into.size() + ahead + 1);
  const std::size_t least = knows ? 1 : byte_buffer_io::enough_room;
  transfer done;
  while (done.bytes < most && !done.error && !done.end) {
    if (into.room() < least && !byte_buffer_io::try_prepare(into, least) && into.room() == 0) {
      done.error = no_memory().error;
      break;
    }
    const transfer some = read_into_room(descriptor, into, most - done.bytes);
    done.bytes += some.bytes;
    done.error = some.error;
    done.end = some.end;
  }
  return done;
}

transfer write_all(int descriptor, std::span<const iovec> pieces) noexcept {
  return all_of(pieces, [descriptor](std::span<iovec> some) {
    return ::writev(descriptor, some.data(), static_cast<int>(some.size()));
  });
}

transfer write_all(int descriptor, std::span<const std::byte> bytes) noexcept {
  const iovec all = piece_of(bytes);
  return write_all(descriptor, std::span(&all, 1));
}

transfer send_all(int socket, std::span<const iovec> pieces) noexcept {
  return all_of(pieces, [socket](std::span<iovec> some) {
    msghdr message{};
    message.msg_iov = some.data();
    message.msg_iovlen = some.size();
    return ::sendmsg(socket, &message, MSG_NOSIGNAL);
  });
}

transfer send_all(int socket, std::span<const std::byte> bytes) noexcept {
  const iovec all = piece_of(bytes);
  return send_all(socket, std::span(&all, 1));
}

void append(byte_buffer& to, std::span<const iovec> pieces) {
  std::size_t total = 0;
  for (const iovec& piece : pieces) {
    if (piece.iov_len > byte_buffer::max_size() - total)
      throw std::length_error("cistern: byte_buffer: longer than max_size()");
    total += piece.iov_len;
  }
  const std::byte* const before = to.data();
  const std::byte* const end = before + to.size();
  std::byte* at = to.prepare(total).data();
  for (const iovec& piece : pieces) {
    if (piece.iov_len == 0) continue;
    const auto* from = static_cast<const std::byte*>(piece.iov_base);
    if (std::less_equal<>()(before, from) && std::less<>()(from, end)) from = to.data() + (from - before);
    std::memcpy(at, from, piece.iov_len);
    at += piece.iov_len;
  }
  to.commit(total);
}

}  // namespace cistern::inline v0
