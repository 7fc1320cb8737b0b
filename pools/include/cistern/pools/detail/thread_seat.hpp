// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/allocators/thread_registry.hpp>

#include <atomic>
#include <cstdint>

namespace cistern::inline v0::detail {

/// What a thread that uses bounded pools has in memory that never goes: a number, and where it says in which stripe it
/// is.
///
/// Threads that live at a time have different seats, the lowest that are free; a thread's seat is free again when it
/// ends. So numbers are dense, for spreading threads over a few places; and others may look at a seat at any time, also
/// while its thread ends.
class alignas(64) thread_seat {
 public:
  constexpr explicit thread_seat(std::uint32_t as_number) noexcept : number(as_number) {}

  /// Once before the others. Throws std::bad_alloc.
  CISTERN_EXPORT static void prepare();

  /// The calling thread's, or nullptr when it has taken none. One load.
  static thread_seat* mine() noexcept { return own; }
  /// The same, and takes one; nullptr when the thread is about to end, or has no memory: then it must do without.
  static thread_seat* sure() noexcept {
    thread_seat* const seat = mine();
    return seat != nullptr ? seat : take();
  }

  const std::uint32_t number;
  sync::atomic<const void*> inside{nullptr};  // written by its thread only; see bounded_stripe

 private:
  CISTERN_EXPORT static thread_seat* take() noexcept;
  static thread_seat* first_free() noexcept;
  bool try_take() noexcept;
  void give_back() noexcept;

  // As a thread ends, its seat is given back.
  static thread_registry::instance exits() noexcept {
    const std::uint64_t both = exits_number.load(std::memory_order_relaxed);
    return {.index = static_cast<std::uint32_t>(both), .generation = static_cast<std::uint32_t>(both >> 32)};
  }
  CISTERN_EXPORT static constinit sync::atomic<std::uint64_t> exits_number;
  [[gnu::tls_model("initial-exec")]] CISTERN_EXPORT static constinit thread_local thread_seat* own;

  sync::atomic<bool> is_taken_{false};
  sync::atomic<thread_seat*> next_{nullptr};  // of those past the first ones
};

}  // namespace cistern::inline v0::detail
