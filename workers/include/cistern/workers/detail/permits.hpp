// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <cstdint>

namespace cistern::inline v0::detail {

/// A counting semaphore whose waits end at a deadline, or when somebody says so: the room that is left in the queue of
/// a bounded worker pool.
///
/// The number may go below zero for a while, when a pool gets smaller. Waiters are not served in order. A sleeper is
/// woken once: releases that come before it runs wake others, if there are any, and cost no further system call.
///
/// Threads: all from any. Happens-before: a release before the acquire that it made possible. Cost: one
/// read-modify-write each way, about 5 ns, and 5 us to wake a waiter.
class permits {
 public:
  explicit permits(std::int64_t free) noexcept : free_(free) {}

  bool try_acquire() noexcept {
    std::int64_t free = free_.load(std::memory_order_seq_cst);  // [b] pairs with [a]
    while (free > 0) {
      // [c] pairs with [a]
      if (free_.compare_exchange_weak(free, free - 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  }

  void release(std::int64_t count = 1) noexcept {
    free_.fetch_add(count, std::memory_order_seq_cst);             // [a] pairs with [b], [c]; before [d]
    if (asleep_.load(std::memory_order_seq_cst) != 0) wake_one();  // [d] pairs with [e]
  }

  /// Waits for a permit, until give_up() is true: it is asked before each sleep, which ends at the deadline at the
  /// latest, or by wake_all().
  template <class GiveUp>
  bool acquire(sync::clock::time_point deadline, GiveUp&& give_up) {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    bool acquired = try_acquire();
    while (!acquired) {
      const std::uint32_t turn = turn_.load(std::memory_order_seq_cst);
      asleep_.fetch_add(1, std::memory_order_seq_cst);  // [e] before [b]; pairs with [d]
      acquired = try_acquire();
      if (acquired || give_up()) {
        not_asleep();
        break;
      }
      sync::park_until(turn_, turn, deadline);
      // Otherwise who has changed the turn has counted a sleeper less: this one, or one who has not slept yet either.
      if (turn_.load(std::memory_order_seq_cst) == turn) not_asleep();
      acquired = try_acquire();
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    // A wake that was meant for another one may have come here.
    if (free_.load(std::memory_order_seq_cst) > 0 && asleep_.load(std::memory_order_seq_cst) != 0) wake_one();
    return acquired;
  }

  std::int64_t free() const noexcept { return free_.load(std::memory_order_relaxed); }
  /// How many wait.
  std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  /// Has all who wait look again.
  void wake_all() noexcept {
    turn_.fetch_add(1, std::memory_order_seq_cst);
    sync::unpark_all(turn_);
  }

 private:
  bool not_asleep() noexcept {
    std::uint32_t asleep = asleep_.load(std::memory_order_seq_cst);
    while (asleep != 0) {
      if (asleep_.compare_exchange_weak(asleep, asleep - 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  }
  void wake_one() noexcept {
    if (!not_asleep()) return;
    turn_.fetch_add(1, std::memory_order_seq_cst);
    sync::unpark_one(turn_);
  }

  alignas(64) sync::atomic<std::int64_t> free_;
  // No less than there are threads that sleep, or are about to, and have not been woken: it may count some who are
  // awake.
  sync::atomic<std::uint32_t> asleep_{0};
  sync::atomic<std::uint32_t> turn_{0};
  sync::atomic<std::uint32_t> waiting_{0};
};

}  // namespace cistern::inline v0::detail
