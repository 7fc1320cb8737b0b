// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <atomic>

namespace cistern::inline v0::detail {

/// Lifts a high-water mark to `value` when it lies below. Lock-free; one load while the mark stands. Orders nothing.
template <class T>
void raise(sync::atomic<T>& mark, T value) noexcept {
  T seen = mark.load(std::memory_order_relaxed);
  while (seen < value && !mark.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace cistern::inline v0::detail
