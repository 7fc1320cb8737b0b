// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/uring/uring_buffer_pool.hpp>
#include <cistern/uring/uring_statistics.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace cistern::inline v0 {

class uring_buffer_ring;

namespace detail {
class uring_lender;
}

/// How a uring_buffer_ring is made.
struct uring_ring_options {
  /// The number by which operations name it, of all groups of one io_uring.
  std::uint16_t group = 0;
  /// How many buffers it takes from the pool, up to 32768; 0: all that are free. Best a power of two, to which the ring
  /// itself, of 16 bytes each, is rounded up.
  std::size_t count = 0;
};

/// Bytes that have arrived in a buffer that the kernel chose; the buffer puts itself back into the ring.
///
/// Move-only; a moved-from and a default-constructed one hold nothing, and are safe to put, destroy and assign to.
/// Threads: one at a time, and any may destroy it. Lifetime: it may outlive the ring and the pool; then the buffer goes
/// back to the pool, and the memory with the last handle.
class CISTERN_EXPORT [[nodiscard]] uring_received {
 public:
  uring_received() noexcept = default;
  uring_received(uring_received&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), index_(other.index_), bytes_(other.bytes_) {}
  uring_received& operator=(uring_received&& other) noexcept {
    if (this != &other) {
      put();
      owner_ = std::exchange(other.owner_, nullptr);
      index_ = other.index_;
      bytes_ = other.bytes_;
    }
    return *this;
  }
  ~uring_received() { put(); }

  explicit operator bool() const noexcept { return owner_ != nullptr; }
  std::byte* data() const noexcept { return span().data(); }
  /// Bytes that arrived; 0 at the end of a stream.
  std::size_t size() const noexcept { return span().size(); }
  std::span<std::byte> span() const noexcept { return owner_ != nullptr ? bytes_ : std::span<std::byte>(); }
  /// The buffer's number in the pool. Requires that there is a buffer.
  std::uint32_t index() const noexcept { return index_; }

  /// Gives the buffer to the kernel again, now; nothing if there is none.
  void put() noexcept;

 private:
  friend class detail::uring_lender;
  uring_received(detail::uring_lender& owner, std::uint32_t index, std::span<std::byte> bytes) noexcept
      : owner_(&owner), index_(index), bytes_(bytes) {}

  detail::uring_lender* owner_ = nullptr;
  std::uint32_t index_ = 0;
  std::span<std::byte> bytes_;
};

/// A completion, read.
struct [[nodiscard]] uring_arrival {
  uring_received buffer;  ///< what has arrived, if anything
  int result;             ///< bytes, or a negative errno: -ENOBUFS when all buffers were out
  bool more;              ///< the operation goes on; if not, it has to be begun anew for more data to come
};

/// A ring of provided buffers: memory of a uring_buffer_pool from which the kernel takes a buffer when data is there.
///
/// Use it for many connections of which few have data at a time: a multishot receive needs no buffer while it waits.
/// Not where the reader knows what it will read, and where (uring_buffer_pool::prep_read).
///
/// When all buffers are out, an operation ends with -ENOBUFS, and loses no data. Put some handles, and begin it again.
///
/// Each completion of an operation that was begun here goes through take(), once. The user_data is the caller's, as
/// long as uring_buffer_pool::owns() is false for it. Bundles and buffers consumed in parts are not for it.
///
/// Threads: all functions and handles from any; entries and completions follow the io_uring's rules. Not in the child
/// of a fork. What happened before a put happens before the kernel writes to the buffer.
/// Lifetime: the io_uring outlives it, the pool as well; handles need not be put before. Ending it with operations in
/// flight ends the program, for the kernel may be writing to any of the buffers: cancel, and take() until no more.
/// Complexity: O(1), under two locks, without an allocation; take() looks at nothing but the completion's buffer.
/// Failure: construction throws std::system_error (Linux before 5.19, a group in use), pool_exhausted,
/// std::invalid_argument, std::bad_alloc. Linux before 6.0 completes multishot receives with -EINVAL.
///
/// Example: tests/uring/uring_example.cpp.
class CISTERN_EXPORT uring_buffer_ring {
 public:
  uring_buffer_ring(io_uring& ring, uring_buffer_pool& pool, const uring_ring_options& options = {});
  ~uring_buffer_ring();
  uring_buffer_ring(const uring_buffer_ring&) = delete;
  uring_buffer_ring& operator=(const uring_buffer_ring&) = delete;

  /// Fill an entry and begin the operation. False, and nothing done, when the entry is nullptr. The first completes for
  /// each piece of data that arrives, the others once.
  bool prep_recv_multishot(io_uring_sqe* entry, int socket, std::uint64_t user_data = 0) noexcept;
  bool prep_recv(io_uring_sqe* entry, int socket, std::uint64_t user_data = 0) noexcept;
  bool prep_read(io_uring_sqe* entry, int file, std::uint64_t user_data = 0,
                 std::uint64_t offset = uring_transfer::current) noexcept;

  /// Begins an operation whose entry the caller fills: with IOSQE_BUFFER_SELECT, and group() as its buf_group.
  void begin() noexcept;
  /// Ends an operation whose entry was filled, but will never be submitted.
  void take_back() noexcept;

  /// Takes the buffer of a completion, and ends the operation unless there is more. Before io_uring_cqe_seen.
  uring_arrival take(const io_uring_cqe& completion) noexcept;

  std::uint16_t group() const noexcept;
  uring_ring_statistics statistics() const;

 private:
  detail::uring_lender* lender_;
};

}  // namespace cistern::inline v0
