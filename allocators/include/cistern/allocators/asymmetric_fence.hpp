// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <atomic>

namespace cistern::inline v0 {

/// A full fence that costs one side next to nothing: the light side only stops the compiler, the heavy side makes the
/// kernel run a barrier on every running thread of the process (membarrier, private expedited).
///
/// For store-buffering ("Dekker") where one side is hot: the hot side stores with store_then_light_fence() and loads
/// what it protects; the cold side stores, calls heavy_fence(), and loads the hot side's word. At least one of the two
/// sees the other. Measured: light 0, heavy 0.2 to 1 us with the other threads blocked, 4 to 16 us
/// with one running (perf/allocators/asymmetric_fence_bench.cpp).
///
/// Where membarrier is missing or refused, when the environment says CISTERN_NO_MEMBARRIER=1, and under
/// ThreadSanitizer, both sides are real fences ("fence mode"). The mode is chosen before main and never changes.
struct asymmetric_fence {
  /// True when the light side is light.
  static bool light_is_light() noexcept { return is_light; }

  /// Stores `value`, then orders the store before every later load of this thread, against heavy_fence().
  /// `light` is light_is_light(), passed so that the hot path may keep it where it already has a cache line.
  template <class T>
  static void store_then_light_fence(sync::atomic<T>& object, T value, bool light) noexcept {
    if (light) [[likely]] {
      object.store(value, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      sync::store_then_fence(object, value);
    }
  }

  /// For a hot side whose store publishes: orders every earlier store of this thread before the load of `object`, which
  /// is an acquire load, against heavy_fence().
  template <class T>
  static T light_fence_then_load(const sync::atomic<T>& object, bool light) noexcept {
    if (light) [[likely]] {
      std::atomic_signal_fence(std::memory_order_seq_cst);
      return object.load(std::memory_order_acquire);
    }
    return sync::fence_then_load(object);
  }

  /// The other side. False when the kernel refused, which it does not do once it has accepted the registration, but
  /// sandboxes can: then nothing is ordered and the caller must not rely on what it reads next.
  CISTERN_EXPORT static bool heavy_fence() noexcept;

 private:
  friend struct asymmetric_fence_registration;
  CISTERN_EXPORT static constinit bool is_light;
};

}  // namespace cistern::inline v0
