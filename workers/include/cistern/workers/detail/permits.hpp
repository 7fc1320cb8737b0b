// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstdint>
#include <mutex>

namespace cistern::inline v0::detail {

/// A counting semaphore whose waits end at a deadline, or when somebody says so: the room that is left in the queue of
/// a bounded worker pool.
///
/// The number may go below zero for a while, when a pool gets smaller. Sleepers are woken in the order in which they
/// went to sleep, and one that is awake takes what there is before them. A sleeper is woken once: releases that come
/// before it runs wake others, if there are any, and cost no further system call.
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

  bool looks_free() const noexcept { return free_.load(std::memory_order_relaxed) > 0; }

  void release(std::int64_t count = 1) noexcept {
    free_.fetch_add(count, std::memory_order_seq_cst);               // [a] pairs with [b], [c]; before [d]
    if (sleepers_.load(std::memory_order_seq_cst) != 0) wake_one();  // [d] pairs with [e]
  }

  /// Waits for a permit, until give_up() is true: it is asked before each sleep, which ends at the deadline at the
  /// latest, or by wake_all().
  template <class GiveUp>
  bool acquire(sync::clock::time_point deadline, GiveUp&& give_up) {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    bool acquired = try_acquire();
    for (bool gives_up = false; !acquired && !gives_up;) {
      sleeper self;
      enter(self);  // [e] before [b]; pairs with [d]
      acquired = try_acquire();
      if (!acquired) gives_up = give_up();
      if (!acquired && !gives_up) {
        static_cast<void>(sync::park_until(self.woken, 0, deadline));
        acquired = try_acquire();
      }
      leave(self);
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    // A wake that was meant for another one may have come here.
    if (free_.load(std::memory_order_seq_cst) > 0 && sleepers_.load(std::memory_order_seq_cst) != 0) wake_one();
    return acquired;
  }

  std::int64_t free() const noexcept { return free_.load(std::memory_order_relaxed); }
  /// How many wait.
  std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  /// Has all who wait look again.
  void wake_all() noexcept {
    const std::scoped_lock lock(mutex_);
    while (first_ != nullptr) sync::unpark_one(take_first());
  }

  // Around fork. In the child nobody waits, since the threads are gone that did.
  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork(bool is_child) noexcept {
    while (is_child && first_ != nullptr) static_cast<void>(take_first());
    mutex_.unlock();
  }

 private:
  // On the stack of who waits. In the list until it is woken, by whoever takes it out, or leaves by itself.
  struct sleeper {
    sync::atomic<std::uint32_t> woken{0};
    // Guarded by mutex_.
    sleeper* next = nullptr;
    sleeper* previous = nullptr;
    bool is_listed = false;
  };

  void enter(sleeper& self) noexcept {
    const std::scoped_lock lock(mutex_);
    self.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &self;
    last_ = &self;
    self.is_listed = true;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
  }
  void leave(sleeper& self) noexcept {
    const std::scoped_lock lock(mutex_);
    if (self.is_listed) unlink(self);
  }
  // With mutex_ held.
  void unlink(sleeper& gone) noexcept {
    (gone.previous != nullptr ? gone.previous->next : first_) = gone.next;
    (gone.next != nullptr ? gone.next->previous : last_) = gone.previous;
    gone.is_listed = false;
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  }
  // With mutex_ held. The word to unpark it by: it cannot be gone before the mutex is free, and only its address is
  // used after that.
  const sync::atomic<std::uint32_t>& take_first() noexcept {
    sleeper& taken = *first_;
    unlink(taken);
    taken.woken.store(1, std::memory_order_relaxed);  // what there is to see is seq_cst
    return taken.woken;
  }
  void wake_one() noexcept {
    const sync::atomic<std::uint32_t>* woken = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      if (first_ == nullptr) return;
      woken = &take_first();
    }
    sync::unpark_one(*woken);
  }

  alignas(64) sync::atomic<std::int64_t> free_;
  sync::atomic<std::uint32_t> sleepers_{0};  // in the list; written with mutex_ held
  sync::atomic<std::uint32_t> waiting_{0};
  mutex mutex_;
  // Guarded by mutex_.
  sleeper* first_ = nullptr;
  sleeper* last_ = nullptr;
};

}  // namespace cistern::inline v0::detail
