// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/detail/bounded_store.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <utility>

namespace cistern::inline v0::detail {

/// A get or a put that waits. It lies on the stack of who waits, and may be gone as soon as it is served.
struct bounded_waiter {
  static constexpr std::uint32_t waiting = 0, served = 1, gone = 2;
  enum class with : std::uint8_t { item, room, closed };

  sync::clock::time_point deadline;
  // Guarded by the pool's mutex until it is served; then the waiter's.
  bounded_item* item = nullptr;  // what a put brings, or what a get is given
  with how = with::item;
  bool is_queued = false;
  bounded_waiter* next = nullptr;
  bounded_waiter* previous = nullptr;
  /// Served by the one who has the mutex, or gone by the waiter itself: whichever comes first. It sleeps on it.
  sync::atomic<std::uint32_t> state{waiting};

  /// Until it is served, which is true, or the deadline has passed; then nobody will serve it, and it may be queued
  /// yet.
  bool sleep() noexcept;
};

/// Whom to wake once the pool's mutex is free. One is remembered, so that the mutex is not held over its wake.
class bounded_wakes {
 public:
  bounded_wakes() = default;
  bounded_wakes(const bounded_wakes&) = delete;
  bounded_wakes& operator=(const bounded_wakes&) = delete;
  ~bounded_wakes() {
    if (word_ != nullptr) sync::unpark_one(*word_);
  }
  void add(const sync::atomic<std::uint32_t>& word) noexcept {
    if (word_ != nullptr) sync::unpark_one(*word_);
    word_ = &word;
  }

 private:
  const sync::atomic<std::uint32_t>* word_ = nullptr;
};

/// Those who wait, in the order in which they came. Guarded by the pool's mutex.
class bounded_queue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  void push(bounded_waiter& waiter) noexcept;
  void remove(bounded_waiter& waiter) noexcept;
  void forget_all() noexcept { first_ = last_ = nullptr; }

  /// Serves the oldest whose deadline has not passed: with an item, with room, or with the news that the pool is
  /// closed. False when there is none. `brought` is what a put that was served had in hand.
  bool serve(bounded_waiter::with how, bounded_item* item, bounded_wakes& wakes,
             bounded_item** brought = nullptr) noexcept;

 private:
  bounded_waiter* first_ = nullptr;
  bounded_waiter* last_ = nullptr;
};

/// The other side of bounded_store: all that is not inline.
class bounded_state final : public bounded_store, private ager {
 public:
  static bounded_state& make(std::size_t limit, const bounded_pool_options& options, const object_type& type,
                             void* hooks);
  void end() noexcept;

  claim get(sync::clock::time_point deadline) noexcept;
  void put(bounded_item& item) noexcept;
  void put_extra(bounded_item& item) noexcept;
  claim room_to_keep() noexcept;
  void destroy(bounded_item& item) noexcept;
  /// Its memory goes, and its place in the total. The state may be gone then.
  void give_back(bounded_item& item) noexcept;

  void clear() noexcept;
  void close() noexcept;
  std::size_t kept() const noexcept;
  bounded_pool_statistics read() noexcept;

  const object_type& type() const noexcept { return type_; }
  const bounded_pool_options& options() const noexcept { return options_; }

  struct counters {
    sync::atomic<std::uint64_t> rooms{0}, misses{0}, made{0}, dropped{0}, overflowed{0}, refused{0}, aged{0};
    sync::atomic<std::uint64_t> failed{0}, handovers{0}, waits{0}, put_waits{0}, failures{0}, ticks{0};
    static void add(sync::atomic<std::uint64_t>& to) noexcept { to.fetch_add(1, std::memory_order_relaxed); }
  };
  counters counts;  // relaxed: each is read for its own value only

 private:
  struct layout {
    std::size_t stripes, slots_at, bytes;
  };
  static layout layout_of(std::size_t limit) noexcept;

  bounded_state(std::size_t limit, const layout& shape, const bounded_pool_options& options, const object_type& type,
                void* hooks) noexcept;
  ~bounded_state() = default;
  void free_self() noexcept;

  // The stripes (bounded_pool_stripes.cpp).
  std::span<bounded_stripe> stripes() const noexcept { return {stripes_, mask_ + 1}; }
  bounded_stripe& own_stripe(const thread_seat* seat) const noexcept;
  std::uint64_t changes() const noexcept;
  /// An item from any stripe that is gated as told; nullptr when none had one as it was looked at.
  bounded_item* pop_in_passing(thread_seat* seat, bool gated) noexcept;
  /// The same; nullptr when at one moment none had one.
  bounded_item* pop_anywhere(thread_seat* seat, bool gated) noexcept;
  /// Likewise: false when none had room. When it is true and mutex_ is not held, the item is another's, and the state
  /// may be gone.
  bool push_in_passing(thread_seat* seat, bounded_item& item, bool gated) noexcept;
  bool push_anywhere(thread_seat* seat, bounded_item& item, bool gated) noexcept;
  // All at once. With mutex_.
  void visit_all() noexcept;
  void end_visit_of_all() noexcept;
  void set_gated(bool gated) noexcept;
  void ungate_if_nobody_waits() noexcept;
  bounded_item* take_idle(age_level level) noexcept;

  // Getting and putting (bounded_pool_turns.cpp). With mutex_:
  bool has_room() const noexcept;
  void add_to_total(bool extra) noexcept;
  void admit_puts(thread_seat* seat, bounded_wakes& wakes) noexcept;
  // Without.
  claim found(bounded_item& item) noexcept;
  claim room(bool extra) noexcept;
  claim none(refusal why) noexcept;
  claim last_resort() noexcept;
  claim await(bounded_waiter& waiter) noexcept;
  void give_up(bounded_queue& queue, bounded_waiter& waiter) noexcept;
  void destroy_idle(bounded_item* first) noexcept;
  void room_is_back(bool was_extra) noexcept;

  bool age(age_level level) noexcept override;
  void before_fork() noexcept;
  void after_fork() noexcept;
  void child_of_fork() noexcept;

  // Constant after construction.
  bounded_pool_options options_;
  const object_type type_;
  const std::size_t bytes_;  // of all of this
  const std::size_t item_bytes_, item_alignment_;
  fork_handler at_fork_;

  mutex mutex_;  // before those of stripes
  // Guarded by mutex_.
  bounded_queue gets_, puts_;  // those who wait
  std::size_t extras_ = 0;
  bool closed_ = false, ended_ = false;
  bool gated_ = false;            // all stripes are: somebody waits, or it is closed
  std::uint64_t taken_idle_ = 0;  // by clear(), a tick, close()
  // Written with mutex_, read by all.
  sync::atomic<std::size_t> total_{0}, most_{0};
};

/// The moment after this time, or the last one; the first one for no time at all.
sync::clock::time_point bounded_deadline(std::chrono::nanoseconds wait) noexcept;

}  // namespace cistern::inline v0::detail
