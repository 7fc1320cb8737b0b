// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <cstdint>

namespace cistern::inline v0 {

/// A lock in one 32-bit word, for the slow paths of allocators and pools.
///
/// Use it, not std::mutex, where the lock may be taken from static or thread-local destructors and around fork: it is
/// constant-initialised, has no destructor and no owner. Meets BasicLockable and Lockable, so std::scoped_lock works.
/// Not recursive, not fair. The role model is the three-state futex lock of U. Drepper, "Futexes are tricky" (2011).
///
/// Memory ordering: what happened before unlock() happens before what follows the next lock().
/// Cost: one compare-and-swap each way when nobody waits; waiting spins for some
/// microseconds, then parks the thread.
template <class Sync>
class basic_mutex {
 public:
  constexpr basic_mutex() noexcept = default;
  basic_mutex(const basic_mutex&) = delete;
  basic_mutex& operator=(const basic_mutex&) = delete;

  bool try_lock() noexcept {
    std::uint32_t expected = unlocked;
    return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire,  // [a] pairs with [b]
                                          std::memory_order_relaxed);
  }

  void lock() noexcept {
    if (!try_lock()) lock_slow();
  }

  void unlock() noexcept {
    // The next owner may destroy the mutex as soon as the word is unlocked: unpark_one() takes its address only.
    if (state_.exchange(unlocked, std::memory_order_release) == contended)  // [b] pairs with [a] and [c]
      Sync::unpark_one(state_);
  }

 private:
  static constexpr std::uint32_t unlocked = 0, locked = 1, contended = 2;

  void lock_slow() noexcept {
    // What it guards takes less than a sleep, as a rule.
    for (int i = 0; i < Sync::mutex_spins && state_.load(std::memory_order_relaxed) != contended; ++i) {
      Sync::spin_pause();
      if (state_.load(std::memory_order_relaxed) == unlocked && try_lock()) return;
    }
    // Whoever has waited once marks the lock contended, so that its own unlock wakes the next one.
    while (state_.exchange(contended, std::memory_order_acquire) != unlocked)  // [c] pairs with [b]
      Sync::park(state_, contended);
  }

  typename Sync::template atomic<std::uint32_t> state_{unlocked};
};

using mutex = basic_mutex<sync>;

}  // namespace cistern::inline v0
