// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/pools/byte_buffer.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

#include <sys/uio.h>

namespace cistern::inline v0 {

/// What came of reading from a descriptor or writing to one.
struct transfer {
  std::size_t bytes = 0;  ///< that went over, also when there is an error
  std::error_code error =
      {};            ///< errno's, of the generic category; std::errc::not_enough_memory: nothing was read for it
  bool end = false;  ///< of what is read: the file's end, or the other side has closed

  explicit operator bool() const noexcept { return !error; }
};

// Between buffers and descriptors: files, pipes, sockets, terminals. For io_uring and the like use prepare(), commit()
// and span().
//
// All retry when a signal interrupts (EINTR), and stop at an error with what has gone over until then; none throws. On
// descriptors that do not block, std::errc::resource_unavailable_try_again (EAGAIN) says that no more goes over now:
// nothing is lost, and the same call goes on later. What was read is in the buffer; what was written is still in it:
//
//     const transfer sent = send_all(socket, output);
//     output.consume(sent.bytes);
//
// Threads: as the buffer's. Lifetime: bytes given to a write are not used after it.

inline constexpr std::size_t read_some_most = std::size_t{64} << 10;

/// One read: what lies ready, up to `most` bytes, is appended; waits if nothing does and the descriptor blocks.
///
/// Where there is little room (below 16 KiB), one system call reads up to 64 KiB nonetheless: what does not fit goes
/// into a block of the resource, and is taken from there. So a buffer may stay small while it waits. Only if the
/// resource is a plain bucket_pool or a backend_resource, to which the block can be given back at once, and the block
/// is none of its large ones; else room of 4 KiB is made before. Of datagrams, an empty one looks like the end.
CISTERN_EXPORT transfer read_some(int descriptor, byte_buffer& into, std::size_t most = read_some_most) noexcept;

/// All until the end, up to `most` bytes. With a descriptor that does not block, all that there is. Give a limit where
/// the other side is not trusted.
CISTERN_EXPORT transfer read_all(int descriptor, byte_buffer& into,
                                 std::size_t most = byte_buffer::max_size()) noexcept;

/// All of these bytes, in as many system calls as it takes. A pipe or socket whose other side has closed raises
/// SIGPIPE, which ends the program by default: ignore it (then the error is std::errc::broken_pipe), or use send_all().
CISTERN_EXPORT transfer write_all(int descriptor, std::span<const std::byte> bytes) noexcept;
inline transfer write_all(int descriptor, std::string_view text) noexcept {
  return write_all(descriptor, std::as_bytes(std::span(text)));
}
/// The same of several pieces in turn, by writev.
CISTERN_EXPORT transfer write_all(int descriptor, std::span<const iovec> pieces) noexcept;

/// To a socket, without SIGPIPE: std::errc::broken_pipe instead.
CISTERN_EXPORT transfer send_all(int socket, std::span<const std::byte> bytes) noexcept;
inline transfer send_all(int socket, std::string_view text) noexcept {
  return send_all(socket, std::as_bytes(std::span(text)));
}
CISTERN_EXPORT transfer send_all(int socket, std::span<const iovec> pieces) noexcept;

/// Appends all pieces, or nothing when that throws; pieces of the buffer itself, too.
CISTERN_EXPORT void append(byte_buffer& to, std::span<const iovec> pieces);

}  // namespace cistern::inline v0
