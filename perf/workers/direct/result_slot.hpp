// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <cstdint>

namespace cistern::perf {

/// Where a task leaves its result for one who waits: the least that this can cost, for contenders that have no results
/// or have them by std::promise, which allocates. May be gone as soon as its waiter has the result.
class result_slot {
  enum state : std::uint32_t { empty, waited_for, full };
  static constexpr int spins_before_yield = 50;

  sync::atomic<std::uint32_t> state_{empty};
  int value_ = 0;  // written before state_ becomes full

 public:
  void set(int value) {
    value_ = value;
    // [a] pairs with [b], [c]: the value. Nothing but the address is used afterwards.
    if (state_.exchange(full, std::memory_order_release) == waited_for) sync::unpark_one(state_);
  }

  int spin() const {
    for (int looks = 0; state_.load(std::memory_order_acquire) != full; ++looks)  // [b] pairs with [a]
      if (looks < spins_before_yield)
        sync::spin_pause();
      else
        sync::yield();
    return value_;
  }

  int park() {
    std::uint32_t seen = empty;
    if (state_.compare_exchange_strong(seen, waited_for, std::memory_order_acquire))          // [c] pairs with [a]
      while (state_.load(std::memory_order_acquire) != full) sync::park(state_, waited_for);  // [c] pairs with [a]
    return value_;
  }
};

}  // namespace cistern::perf
