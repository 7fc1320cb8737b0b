// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cstdint>

namespace cistern::inline v0 {

/// A lock that belongs to one thread, and that another thread may borrow now and then.
///
/// For what a thread keeps for itself and a ticker must be able to take away while the thread sleeps: open bags, pool
/// magazines. The owner pays two plain stores and a load (about 1 ns, perf/allocators/biased_lock_bench.cpp); a visitor
/// pays a heavy fence and waits until the owner is outside. Visitors must exclude each other (by a mutex of theirs).
/// The owner must not hold it across user code or a blocking call, and must not take it twice.
///
/// Role model: the quickly reacquirable locks of D. Dice, M. Moir and W. Scherer, without revocation: the bias never
/// moves.
///
/// Memory ordering: what one side did inside happens before what the other does inside afterwards.
class biased_lock {
 public:
  constexpr biased_lock() noexcept = default;
  biased_lock(const biased_lock&) = delete;
  biased_lock& operator=(const biased_lock&) = delete;

  /// Owner only. `light` is asymmetric_fence::light_is_light() as it was when the lock came to this thread.
  void lock(bool light) noexcept {
    asymmetric_fence::store_then_light_fence(owner_, inside, light);      // [a] before the load [b], see try_visit
    if (visitor_.load(std::memory_order_acquire) != nobody) [[unlikely]]  // [b] pairs with [f]: the visitor's writes
      give_way(light);
  }
  void unlock() noexcept { owner_.store(nobody, std::memory_order_release); }  // [c] pairs with [e]: the owner's writes

  /// A visitor's way in: announce(), then a heavy fence (one for as many locks as were announced), then try_enter(),
  /// which is true when the visitor is inside, and false when the owner stayed inside for `patience` looks. leave() in
  /// either case. Between announce() and leave() the owner waits if it comes.
  void announce() noexcept { visitor_.store(inside, std::memory_order_relaxed); }  // [d] before the heavy fence
  CISTERN_EXPORT bool try_enter(int patience) noexcept;
  CISTERN_EXPORT void leave() noexcept;

  /// The owner's end without its help: only in the child of a fork, where the owner is gone, and which it was asked
  /// before whether the owner was inside.
  bool owner_is_inside() const noexcept { return owner_.load(std::memory_order_relaxed) != nobody; }
  void abandon() noexcept {
    owner_.store(nobody, std::memory_order_relaxed);
    visitor_.store(nobody, std::memory_order_relaxed);
  }

 private:
  CISTERN_EXPORT void give_way(bool light) noexcept;

  static constexpr std::uint32_t nobody = 0, inside = 1, owner_waits = 2;

  sync::atomic<std::uint32_t> owner_{nobody};    // nobody or inside; written by the owner only
  sync::atomic<std::uint32_t> visitor_{nobody};  // all three; the owner parks on it
};

}  // namespace cistern::inline v0
