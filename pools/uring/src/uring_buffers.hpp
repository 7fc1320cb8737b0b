// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/uring/uring_buffer_pool.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

namespace cistern::inline v0::detail {

/// What a uring_buffer_pool has and its handles share: the mapping, and where each buffer is.
class uring_buffers {
 public:
  enum class place : std::uint8_t { free, held, in_flight, lent };
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::size_t most = 32768;

  explicit uring_buffers(const uring_buffer_options& options);
  /// The pool's end. It goes now, or with the last handle.
  void end() noexcept;

  /// A free one, held from now on; none if there is none.
  std::uint32_t take() noexcept;
  void put(std::uint32_t index) noexcept;

  std::uint64_t begin(std::uint32_t index, std::uint64_t tag) noexcept;
  /// Gives the buffer of an operation to the caller to hold, unless there is more.
  std::uint32_t complete(std::uint64_t operation, bool more, std::uint64_t& tag) noexcept;
  bool is_number(std::uint64_t operation) const noexcept { return operation >> 48 == number_; }

  /// While a ring has buffers of this pool it must not end; false when it has not so many free. They are then held.
  bool lend_to(const void* lender, std::span<std::uint32_t> indices) noexcept;
  void lender_ends(std::span<const std::uint32_t> indices) noexcept;
  void lend(const void* lender, std::uint32_t index) noexcept;
  void hold_lent(const void* lender, std::uint32_t index) noexcept;

  std::span<std::byte> memory_of(std::uint32_t index) const noexcept {
    return {memory_ + std::size_t{index} * bytes_, bytes_};
  }
  std::uint32_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return bytes_; }
  const std::string& name() const noexcept { return name_; }
  uring_pool_statistics statistics() const;

  sync::atomic<io_uring*> ring{nullptr};  // that has registered them; relaxed: who uses an entry knows its io_uring

  /// Ends the program by a line with the pool's name.
  template <class... Args>
  [[noreturn, gnu::cold, gnu::format(printf, 2, 0)]] void misused(const char* what, Args... args) const noexcept {
    char said[240];
    std::snprintf(said, sizeof said, what, args...);
    misused_as(said);
  }

 private:
  struct slot {
    std::uint32_t next = none;     // free ones: the one put before
    std::uint32_t generation = 0;  // of its operations: a number is used once in 2^32
    std::uint64_t tag = 0;         // of the operation in flight
    const void* lender = nullptr;  // the ring that has it, also while an arrival holds it
    place at = place::free;
  };

  ~uring_buffers();
  [[noreturn]] void misused_as(const char* said) const noexcept;
  void move(slot& moved, place from, place to) noexcept;
  void free_now(std::uint32_t index) noexcept;
  std::size_t& count_at(place at) noexcept { return counts_[static_cast<std::size_t>(at)]; }

  // Constant after construction.
  const std::string name_;
  const std::uint32_t count_;
  const std::size_t bytes_;
  const pages_backend backend_;
  const std::uint64_t number_;
  std::byte* memory_ = nullptr;

  // Guarded by mutex_.
  mutable mutex mutex_;
  std::unique_ptr<slot[]> slots_;
  std::uint32_t free_ = none;
  std::array<std::size_t, 4> counts_{};
  std::size_t lenders_ = 0;
  std::uint64_t gets_ = 0, exhausted_ = 0;
  bool ended_ = false;
};

}  // namespace cistern::inline v0::detail
