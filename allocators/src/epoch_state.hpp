// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/epoch_slot.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>

#include <array>
#include <mutex>

namespace cistern::inline v0::detail {

/// What is behind an epoch_domain: the epoch, the slots, and what threads have left behind. On the heap, so that it can
/// stay where guards still point into it when the domain's destructor gives up.
///
/// Lock order: barrier_mutex_, visitors_, slots_, a slot's own lock, orphans_mutex_. Deleters run with none of them
/// held.
class epoch_state final : private ager {
 public:
  explicit epoch_state(const epoch_options& options);
  ~epoch_state();  // after close()
  epoch_state(const epoch_state&) = delete;
  epoch_state& operator=(const epoch_state&) = delete;

  void close() noexcept;  // no ticks any more

  /// Looks at an owner that is inside its lock: it stays some nanoseconds.
  static constexpr int owner_patience = 128;

  // Slots: epoch_slots.cpp.
  epoch_slot* acquire_slot(bool late) noexcept;  // nullptr: no memory
  void release_slot(epoch_slot& slot) noexcept;  // the owner's, when its thread ends or a late use is over
  epoch_slot* late_slot() noexcept;              // the one that this ended thread is pinned with, or a new one
  bool any_pinned() noexcept;

  // Advancing: epoch_advance.cpp.
  bool advance() noexcept;
  bool wait_for_readers(sync::clock::time_point deadline) noexcept;

  // Retiring and reclaiming: epoch_reclaim.cpp; waiting for it: epoch_barrier.cpp.
  open_bag* open(epoch_slot& slot, const retire_list& list) noexcept;  // nullptr: no memory
  void close_all(const retire_list& list) noexcept;
  bool make_room(epoch_slot& slot, open_bag& open) noexcept;  // false: no memory for a bag
  void reclaim_now(const epoch_slot& slot, const open_bag& open, void** entry, std::size_t words);
  void flush(epoch_slot& slot) noexcept;
  void hand_over(epoch_slot& slot) noexcept;
  bool collect() noexcept;
  bool barrier(sync::clock::time_point deadline) noexcept;
  bool drain(sync::clock::time_point deadline) noexcept;
  const char* what_is_left(bool drained) noexcept;  // nullptr: nothing that stands in the way of deleting this
  hold_word* take_hold() noexcept;                  // nullptr: no memory
  void give_hold(hold_word& hold) noexcept;
  epoch_statistics statistics() noexcept;

  static constexpr auto no_deadline = sync::clock::time_point::max();
  static sync::clock::time_point deadline_after(std::chrono::nanoseconds limit) noexcept;

  /// What the generic bag holds: an object, its deleter, and the deleter's context.
  static constexpr std::size_t entry_words = 3;

  const epoch_options& options() const noexcept { return options_; }

 private:
  static constexpr std::size_t slots_per_chunk = 64;
  struct chunk {
    std::array<epoch_slot, slots_per_chunk> slots;
    std::array<open_bag, slots_per_chunk> generic;  // each slot's first open bag
    chunk* next;
  };

  // Calls f(chunk) for every chunk there is.
  template <class F>
  void for_each_chunk(F f) noexcept {
    for (chunk* at = chunks_.load(std::memory_order_acquire); at != nullptr; at = at->next)
      f(*at);  // [g] pairs with [h]
  }
  template <class F>
  void for_each_slot(F f) noexcept {
    for_each_chunk([&f](chunk& at) {
      for (epoch_slot& slot : at.slots) f(slot);
    });
  }
  // Calls f(slot) inside each slot's lock, with one heavy fence for each chunk. False when a slot was passed over
  // because its owner stayed inside for `patience` looks.
  template <class F>
  bool visit_slots(int patience, F f) noexcept;

  bool age(age_level level) noexcept override;
  bool scan(std::uint64_t now, epoch_stall& to_report) noexcept;
  epoch_stall note_blocker(epoch_slot& slot, std::uint64_t word) const noexcept;
  void wake_reclaimer() const noexcept;
  void seal(epoch_slot& slot, open_bag& open) noexcept;
  void seal_all(epoch_slot& slot) noexcept;
  void take_over(bag_queue& bags) noexcept;
  bag_queue take_expired(bag_queue& from, std::size_t most) noexcept;
  bag_queue take_expired_orphans(std::size_t most) noexcept;
  void relieve(epoch_slot& slot) noexcept;
  bool take_from_threads(int patience) noexcept;
  bool wait_for_reclaimers(sync::clock::time_point deadline) noexcept;
  bool begin_barrier(sync::clock::time_point deadline) noexcept;
  unsigned begin_reclaiming() noexcept;
  void end_reclaiming(unsigned phase) noexcept;
  bool is_idle(const retire_list& list) noexcept;
  bool open_bags_are_empty(const retire_list* only) noexcept;
  bool nothing_pending() noexcept;
  void before_fork() noexcept;
  void parent_of_fork() noexcept;
  void run(bag_queue& bags, unsigned phase) noexcept;
  void free_bag(epoch_bag* bag) noexcept;
  void set_held_apart(epoch_bag& bag, bag_queue& held) noexcept;
  bool is_held(const void* object) noexcept;
  void child_of_fork() noexcept;
  void give_up(epoch_slot& slot) noexcept;

  // Constant.
  const epoch_options options_;
  fork_handler at_fork_;

  alignas(128) sync::atomic<std::uint64_t> epoch_;  // written by whoever holds advancing_

  // The advancer's: advancing_ is its lock, the rest is written under it.
  alignas(128) sync::atomic<std::uint32_t> advancing_{0};
  sync::atomic<std::uint64_t> advances_{0}, blocked_{0}, busy_{0}, refused_{0}, over_cap_{0};
  sync::atomic<std::uint32_t> blocker_thread_{0};
  sync::atomic<std::int64_t> blocker_since_{0};  // nanoseconds of sync::now()

  // Reclaimers: how many are running what they took, by phase; a barrier turns the phase and waits for the old one.
  alignas(128) sync::atomic<std::uint32_t> phase_{0};
  std::array<sync::atomic<std::uint32_t>, 2> reclaiming_{};
  sync::atomic<std::size_t> pending_bytes_{0}, pending_objects_{0};  // sealed

  mutex visitors_;                 // who goes into slots that are not its own
  mutex slots_;                    // who gives slots to threads and takes them back
  bool entered_for_fork_ = false;  // from before_fork() on
  sync::atomic<chunk*> chunks_{nullptr};

  mutex orphans_mutex_;
  bag_queue orphans_;  // guarded by orphans_mutex_; of several threads, so the tags are in no order
  bag_queue awaited_;  // guarded by orphans_mutex_: what a barrier waits for
  bag_queue held_;     // guarded by orphans_mutex_: expired, but for holds; looked at by those who collect
  sync::atomic<std::size_t> orphan_objects_{0};  // written under orphans_mutex_

  mutex barrier_mutex_;  // one barrier at a time; taken before all others

  // Holds: the list only grows; taken flags are guarded by slots_.
  sync::atomic<hold_word*> holds_{nullptr};
  sync::atomic<std::size_t> holds_taken_{0};
};

inline std::size_t words_each(const epoch_bag& bag) noexcept {
  return bag.list == nullptr ? epoch_state::entry_words : 1;
}
inline std::size_t objects_in(const epoch_bag& bag) noexcept { return bag.count / words_each(bag); }

template <class F>
bool epoch_state::visit_slots(int patience, F f) noexcept {
  const std::scoped_lock lock(visitors_);
  bool all = true;
  for_each_chunk([&](chunk& at) {
    std::array<bool, slots_per_chunk> announced{};
    for (std::size_t i = 0; i < slots_per_chunk; ++i) {
      // Relaxed: a thread whose retiring happened before this visit had its slot before.
      announced[i] = at.slots[i].thread_.load(std::memory_order_relaxed) != 0;
      if (announced[i]) at.slots[i].lock_.announce();
    }
    const bool fenced = asymmetric_fence::heavy_fence();
    for (std::size_t i = 0; i < slots_per_chunk; ++i) {
      if (!announced[i]) continue;
      epoch_slot& slot = at.slots[i];
      if (fenced && slot.lock_.try_enter(patience))
        f(slot);
      else
        all = false;
      slot.lock_.leave();
    }
  });
  return all;
}

}  // namespace cistern::inline v0::detail
