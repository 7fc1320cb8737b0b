// SPDX-License-Identifier: MIT
#pragma once

#include "memory_source.hpp"
#include <cistern/allocators/mutex.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// The blocks of a pool that are no class's: who asked for how much, by address. So they can be freed without a size,
/// and a wrong one is seen.
///
/// Threads: any, under one mutex; some 40 ns each, beside the upstream's own cost.
class large_blocks {
 public:
  struct record {
    void* address;
    std::size_t bytes;  // that were asked for
    std::size_t alignment;
    std::size_t guarded;  // bytes of the mapping with its guard pages, if it is such a one; else 0
    record* next;
  };

  explicit large_blocks(memory_source& source) noexcept : source_(source) {}
  ~large_blocks();
  large_blocks(const large_blocks&) = delete;
  large_blocks& operator=(const large_blocks&) = delete;

  /// False when there is no memory for it.
  bool add(const record& what) noexcept;
  /// Copies the record of this address, and takes it away if `and_remove`. False when there is none.
  bool find(const void* address, record& found, bool and_remove) noexcept;
  enum class whereabouts { none, beginning, inside };
  /// Where in a block this address is, for a message; none also when that cannot be said without waiting. Looks at all.
  whereabouts whereabouts_of(const void* address) const noexcept;
  /// Another size for the same address.
  void resize(const void* address, std::size_t bytes) noexcept;

  struct numbers {
    std::size_t live_blocks, live_bytes;
    std::uint64_t gets;
  };
  numbers read() noexcept;

  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork() noexcept { mutex_.unlock(); }

 private:
  record** place_of(const void* address) noexcept;
  void grow() noexcept;

  memory_source& source_;
  mutable mutex mutex_;
  // Guarded by mutex_.
  record** buckets_ = nullptr;
  std::size_t size_ = 0;  // of buckets_: a power of two, or 0
  numbers numbers_{};
};

}  // namespace cistern::inline v0::detail
