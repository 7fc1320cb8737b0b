// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/detail/thread_seat.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

struct bounded_item;

/// A part of a bounded_pool: a stack of at most `capacity` kept items, behind a lock that costs the thread which uses
/// it most no atomic read-modify-write.
///
/// The lock is a mutex, and a bias: while a thread has the bias, it enters by two plain stores and two loads. Whoever
/// else enters takes the mutex, takes the bias away, and waits until its owner is outside; that costs a heavy fence.
/// From then on all enter by the mutex, until one thread has come so many times in a row that it is given the bias. How
/// many that are doubles each time a bias is taken away, so a stripe that threads share settles on its mutex.
/// (biased_lock is for one owner and rare visitors; here the bias moves.)
///
/// A thread says in its own seat that it is inside. In the stripe a thread that has lost the bias, and does not know it
/// yet, would say so in the place of the one that has it.
///
/// A stripe that is gated belongs to who holds the pool's mutex: nobody has its bias, and whoever enters otherwise
/// leaves it as it is and goes to the pool.
///
/// Threads: any; functions under "inside" by who has entered. Memory ordering: what happened inside happens before what
/// happens inside later.
class alignas(64) bounded_stripe {
 public:
  bounded_stripe(bounded_item** slots, std::uint32_t capacity) noexcept
      : light_(asymmetric_fence::light_is_light()), capacity_(capacity), slots_(slots) {}

  // ---- the way of who has the bias

  bool is_biased_to(const thread_seat* seat) const noexcept { return bias_.load(std::memory_order_relaxed) == seat; }
  /// False: the bias is not the thread's, or not any more.
  [[gnu::always_inline]] bool enter(thread_seat& seat) noexcept {
    asymmetric_fence::store_then_light_fence(seat.inside, static_cast<const void*>(this), light_);  // [a] before [b]
    if (bias_.load(std::memory_order_acquire) == &seat) [[likely]]  // [b] pairs with [f]: what others did inside
      return true;
    leave(seat);
    return false;
  }
  [[gnu::always_inline]] static void leave(thread_seat& seat) noexcept {
    seat.inside.store(nullptr, std::memory_order_release);  // [c] pairs with [e]
  }

  // ---- inside

  /// The item that was pushed last, or nullptr.
  [[gnu::always_inline]] bounded_item* pop() noexcept {
    const std::uint32_t count = count_.load(std::memory_order_relaxed);
    if (count == 0) [[unlikely]]
      return nullptr;
    bounded_item* const item = slots_[count - 1];
    set_count(count - 1);
    if (count - 1 < lowest_) lowest_ = count - 1;
    return item;
  }
  /// False when it is full.
  [[gnu::always_inline]] bool push(bounded_item* item) noexcept {
    const std::uint32_t count = count_.load(std::memory_order_relaxed);
    if (count == capacity_) [[unlikely]]
      return false;
    slots_[count] = item;
    set_count(count + 1);
    return true;
  }
  bool is_gated() const noexcept { return gated_; }
  void set_gated(bool gated) noexcept { gated_ = gated; }
  /// How many items have lain untouched since the last call of forget_lowest().
  std::uint32_t lowest() const noexcept { return std::min(lowest_, count_.load(std::memory_order_relaxed)); }
  void forget_lowest() noexcept { lowest_ = count_.load(std::memory_order_relaxed); }
  /// Takes the `count` oldest and calls f(item) for each.
  template <class F>
  void take_oldest(std::uint32_t count, F&& f) noexcept {
    const std::uint32_t had = count_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) f(slots_[i]);
    std::copy(slots_ + count, slots_ + had, slots_);
    changes_.store(changes_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    count_.store(had - count, std::memory_order_release);  // [g]
  }

  // ---- from outside

  std::uint32_t capacity() const noexcept { return capacity_; }
  /// As of a moment ago.
  std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }  // [h] pairs with [g]
  /// Pushes and pops so far; so it is the same twice only when nothing has changed between.
  std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

  // ---- the way of all others; the seat is the thread's, or nullptr

  CISTERN_EXPORT void lock(const thread_seat* seat) noexcept;
  /// Of the thread's own stripe; gives it the bias at times.
  CISTERN_EXPORT void unlock_own(thread_seat* seat) noexcept;
  CISTERN_EXPORT void unlock() noexcept;

  /// For several at once, in the order of their addresses: begin each; one heavy fence when one of them says so; finish
  /// each. end_visit() gives the bias back.
  CISTERN_EXPORT bool begin_visit(const thread_seat* seat) noexcept;
  CISTERN_EXPORT void finish_visit() noexcept;
  CISTERN_EXPORT void end_visit() noexcept;
  /// In a visit, in the child of a fork: whose bias it has taken away is not here.
  void forget_borrowed() noexcept { borrowed_ = nullptr; }

  /// The heavy fence of a visit.
  CISTERN_EXPORT static void fence() noexcept;

 private:
  void lock_mutex() noexcept;
  [[gnu::always_inline]] void set_count(std::uint32_t count) noexcept {
    changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    count_.store(count, std::memory_order_release);  // [g] pairs with [h]: who sees the count sees the change, too
  }

  sync::atomic<thread_seat*> bias_{nullptr};  // nullptr: nobody has it. Written with mutex_
  const bool light_;
  const std::uint32_t capacity_;
  bounded_item** const slots_;
  // Written inside; read by all.
  sync::atomic<std::uint32_t> count_{0};
  sync::atomic<std::uint64_t> changes_{0};
  // Inside.
  std::uint32_t lowest_ = 0;

  alignas(64) mutex mutex_;
  // Guarded by mutex_.
  bool gated_ = false;
  std::uint32_t revocations_ = 0;
  const thread_seat* last_ = nullptr;  // who was here by the mutex, and how often in a row
  std::uint32_t in_a_row_ = 0;
  thread_seat* borrowed_ = nullptr;  // whose bias the visit that is under way has taken away
};

}  // namespace cistern::inline v0::detail
