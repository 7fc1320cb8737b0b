// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/pools/object_pool.hpp>  // pool_exhausted
#include <cistern/uring/uring_buffer.hpp>
#include <cistern/uring/uring_statistics.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

struct io_uring;
struct io_uring_cqe;
struct io_uring_sqe;

namespace cistern::inline v0 {

/// How a uring_buffer_pool is made. The default is 1 MiB, an eighth of what Linux lets a process lock by default.
struct uring_buffer_options {
  /// In messages and numbers. Copied.
  std::string_view name = {};
  /// From 1 to 32768. No more than 16384 can be registered with one io_uring.
  std::size_t count = 64;
  /// Of each: a power of two from 64 on, or a multiple of the page size; up to 1 GiB.
  std::size_t bytes = std::size_t{16} << 10;
  /// What the mapping is made of; huge pages from 2 MiB in all on.
  page_policy pages = page_policy::normal;
};

/// What part of a buffer an operation uses, and where in the file.
struct uring_transfer {
  static constexpr std::uint64_t current = ~std::uint64_t{0};
  static constexpr std::size_t rest = ~std::size_t{0};

  std::uint64_t offset = current;  ///< byte of the file; current: the file's position, and for pipes and sockets
  std::size_t first = 0;           ///< byte of the buffer
  std::size_t bytes = rest;        ///< rest: up to the buffer's end
  std::uint64_t tag = 0;           ///< the caller's: comes back with the completion
};

/// Whether an io_uring has taken the buffers of a pool, and why not.
struct [[nodiscard]] uring_registration {
  std::error_code error;
  std::string message;  ///< for people: what was needed, what the limit is, and what to do; empty when all is well
  explicit operator bool() const noexcept { return !error; }
};

/// What has become of an operation.
struct [[nodiscard]] uring_completion {
  uring_buffer buffer;  ///< the one that the operation had; none when there is more
  int result;           ///< bytes, or a negative errno
  bool more;            ///< the operation goes on, and so the kernel keeps the buffer (IORING_CQE_F_MORE)
  std::uint64_t tag;
};

/// Buffers of one size in one mapping, for reads and writes by io_uring: as fixed buffers where the io_uring has taken
/// them, as ordinary ones where not.
///
/// Use it for files and pipes, and for sends; what sockets receive goes better into a uring_buffer_ring over such a
/// pool, where the kernel takes a buffer only when data is there. Not for memory that no io_uring uses (bucket_pool).
///
/// A buffer is free, held by a handle, in flight, or lent to a ring. An operation is begun with a handle, which is gone
/// then; completed() gives it back with the result. Last put, first got: its memory is in the caches still. Buffers
/// begin at a multiple of their size, if that is a power of two, or of the page size, and are not zeroed between uses.
///
/// The operation's number is the entry's user_data. Its highest bit is set and the highest 16 are the pool's, so that
/// owns() tells its completions from others of the same io_uring, whose user_data may be any pointer of the program or
/// number below 2^63. A completion given twice, or to the wrong pool, ends the program with a line that says so.
///
/// Threads: all functions from any; entries and completions are the io_uring's, and follow its rules. Not in the child
/// of a fork: the operations are the parent's. What happened before a put or a begin happens before what follows the
/// get or the completed() that hands the buffer out next.
/// Lifetime: handles may outlive the pool. Ending it with operations in flight, or under a uring_buffer_ring, ends the
/// program: the kernel would go on writing, and only who reads completions can wait for them. So cancel, await, then
/// end. It does not touch the io_uring, which may be gone before it or after it.
/// Complexity: O(1), under one lock, without an allocation. Only construction allocates: std::bad_alloc, and
/// std::invalid_argument that says which option is wrong.
///
/// Example: tests/uring/uring_example.cpp.
class CISTERN_EXPORT uring_buffer_pool {
 public:
  explicit uring_buffer_pool(const uring_buffer_options& options = {});
  ~uring_buffer_pool();
  uring_buffer_pool(const uring_buffer_pool&) = delete;
  uring_buffer_pool& operator=(const uring_buffer_pool&) = delete;

  /// Throws pool_exhausted, with the numbers, when none is free.
  uring_buffer get();
  /// An empty handle when none is free.
  uring_buffer try_get() noexcept;

  /// Registers all as fixed buffers, by their numbers: the io_uring's whole table of them. The kernel locks their
  /// memory until unregister() or the io_uring's end, and counts it against RLIMIT_MEMLOCK unless the process has
  /// CAP_IPC_LOCK when it makes the io_uring. If it refuses, the message says what to do, and the pool goes on without.
  /// One io_uring at a time; the entries given to prep_read and prep_write are that one's from now on.
  uring_registration register_with(io_uring& ring);
  /// Before the pool is used with another io_uring. Operations in flight go on. Nothing if it is not registered.
  /// Requires that the io_uring has not ended.
  void unregister() noexcept;
  bool is_registered() const noexcept;

  /// Fills an entry with a read into the buffer, or a write from it, fixed if the pool is registered, and begins it.
  /// Returns its number, by which it may be cancelled (io_uring_prep_cancel64). 0 and nothing done, with the handle as
  /// it was, when the entry is nullptr: io_uring_get_sqe had none left. Throws std::out_of_range, with the handle as it
  /// was, when the buffer has no such bytes.
  std::uint64_t prep_read(io_uring_sqe* entry, int file, uring_buffer&& buffer, const uring_transfer& what = {});
  std::uint64_t prep_write(io_uring_sqe* entry, int file, uring_buffer&& buffer, const uring_transfer& what = {});

  /// Begins an operation whose entry the caller fills: its user_data has to be the number returned.
  std::uint64_t begin(uring_buffer&& buffer, std::uint64_t tag = 0) noexcept;
  /// Gives the buffer back of an operation whose entry was filled, but will never be submitted.
  uring_buffer take_back(std::uint64_t operation) noexcept;

  /// Whether it is the completion of an operation that this pool has begun.
  bool owns(const io_uring_cqe& completion) const noexcept;
  /// Ends the operation that the completion is of, unless there is more. Before io_uring_cqe_seen.
  uring_completion completed(const io_uring_cqe& completion) noexcept;

  uring_pool_statistics statistics() const;
  std::string_view name() const noexcept;

 private:
  friend class uring_buffer_ring;
  detail::uring_buffers* buffers_;
};

}  // namespace cistern::inline v0
