// SPDX-License-Identifier: MIT
//
// Slots come in chunks of 64, which are only ever added, so a scan needs no lock. A slot that nobody owns stands at 0
// and is scanned like any other.
//
// Orders: [h] release in acquire_slot() <-> acquire in for_each_chunk() [g]: publishes the chunk's contents. A scan
// that misses a chunk also misses its owner's pin, which is right: the pin's fence follows the chunk's publication, so
// by the argument of [a] and [b] (epoch_advance.cpp) that owner sees every unlink that came before the scan.
#include "epoch_state.hpp"

#include <mutex>
#include <new>
#include <utility>

namespace cistern::inline v0::detail {

epoch_state::epoch_state(const epoch_options& options)
    : options_(options),
      at_fork_{.rank = fork_rank::epoch_domain,
               .prepare = [](void* self) noexcept { static_cast<epoch_state*>(self)->before_fork(); },
               .parent = [](void* self) noexcept { static_cast<epoch_state*>(self)->parent_of_fork(); },
               .child = [](void* self) noexcept { static_cast<epoch_state*>(self)->child_of_fork(); },
               .self = this},
      epoch_(options.first_epoch * epoch_word::step) {
  install(at_fork_);
  if (options_.clock != nullptr) options_.clock->add(*this);
}

void epoch_state::close() noexcept {
  if (options_.clock != nullptr) options_.clock->remove(*this);
}

epoch_state::~epoch_state() {
  remove(at_fork_);
  for (chunk* at = chunks_.load(std::memory_order_relaxed); at != nullptr;) {
    chunk* const next = at->next;
    delete at;
    at = next;
  }
  for (hold_word* hold = holds_.load(std::memory_order_relaxed); hold != nullptr;)
    delete std::exchange(hold, hold->next);
}

epoch_slot* epoch_state::acquire_slot(bool late) noexcept {
  slots_.lock();
  epoch_slot* free = nullptr;
  for_each_slot([&free](epoch_slot& slot) {
    if (free == nullptr && slot.thread_.load(std::memory_order_relaxed) == 0) free = &slot;
  });
  if (free == nullptr) {
    if (auto* const added = new (std::nothrow) chunk{}) {
      for (std::size_t i = 0; i < slots_per_chunk; ++i) {
        added->generic[i].slot = &added->slots[i];
        added->slots[i].open_ = &added->generic[i];
        added->slots[i].epoch_ = &epoch_;
        added->slots[i].domain_ = this;
      }
      added->next = chunks_.load(std::memory_order_relaxed);
      chunks_.store(added, std::memory_order_release);  // [h] pairs with [g]
      free = &added->slots[0];
    }
  }
  if (free != nullptr) {
    free->light_ = asymmetric_fence::light_is_light();
    free->late_ = late;
    free->owner_ = late ? epoch_slot::late_owner(&sync::words()) : &sync::words();
    free->thread_.store(sync::thread_id(), std::memory_order_relaxed);
  }
  slots_.unlock();
  return free;
}

void epoch_state::release_slot(epoch_slot& slot) noexcept {
  hand_over(slot);
  // The slot keeps its first open bag; the others, empty now, belonged to this thread's use of retire_lists.
  slot.lock_.lock(slot.light_);
  open_bag* others = std::exchange(slot.open_->next, nullptr);
  slot.lock_.unlock();
  while (others != nullptr) delete std::exchange(others, others->next);
  slots_.lock();
  // A guard that is never destroyed must not hold the epoch for ever; a thread that ends has no use for it.
  slot.state_.store(0, std::memory_order_release);
  slot.late_ = false;
  slot.owner_ = nullptr;
  slot.thread_.store(0, std::memory_order_relaxed);
  slots_.unlock();
}

hold_word* epoch_state::take_hold() noexcept {
  const std::scoped_lock lock(slots_);
  hold_word* hold = holds_.load(std::memory_order_relaxed);
  while (hold != nullptr && hold->taken) hold = hold->next;
  if (hold == nullptr) {
    hold = new (std::nothrow) hold_word;
    if (hold == nullptr) return nullptr;
    hold->next = holds_.load(std::memory_order_relaxed);
    holds_.store(hold, std::memory_order_release);  // [t] pairs with [u]
  }
  hold->taken = true;
  holds_taken_.fetch_add(1, std::memory_order_relaxed);
  return hold;
}

void epoch_state::give_hold(hold_word& hold) noexcept {
  hold.object.store(nullptr, std::memory_order_release);  // [v] pairs with [w]: the last access before the free
  const std::scoped_lock lock(slots_);
  hold.taken = false;
  holds_taken_.fetch_sub(1, std::memory_order_release);  // [x] pairs with [y]: likewise, where no hold is looked at
}

epoch_slot* epoch_state::late_slot() noexcept {
  const auto me = sync::thread_id();
  epoch_slot* own = nullptr;
  slots_.lock();
  for_each_slot([&own, me](epoch_slot& slot) {
    if (slot.thread_.load(std::memory_order_relaxed) == me && slot.late_) own = &slot;
  });
  slots_.unlock();
  return own != nullptr ? own : acquire_slot(true);
}

bool epoch_state::any_pinned() noexcept {
  bool pinned = false;
  for_each_slot([&pinned](epoch_slot& slot) {
    if (epoch_word::pinned(slot.state_.load(std::memory_order_acquire))) pinned = true;
  });
  return pinned;
}

// Enters every slot's lock, so that no bag is half written in the child. Not its own: this thread is outside, and other
// handlers may retire. Where the kernel refuses the fence, a slot whose owner is inside is given up in the child.
void epoch_state::before_fork() noexcept {
  visitors_.lock();
  slots_.lock();
  const auto is_anothers = [](const epoch_slot& slot) {
    return slot.thread_.load(std::memory_order_relaxed) != 0 && slot.owner_ != &sync::words() &&
           slot.owner_ != epoch_slot::late_owner(&sync::words());
  };
  for_each_slot([&](epoch_slot& slot) {
    if (is_anothers(slot)) slot.lock_.announce();
  });
  entered_for_fork_ = asymmetric_fence::heavy_fence();
  for_each_slot([&](epoch_slot& slot) {
    while (entered_for_fork_ && is_anothers(slot) && !slot.lock_.try_enter(1 << 16)) sync::yield();
  });
  orphans_mutex_.lock();
}

void epoch_state::parent_of_fork() noexcept {
  orphans_mutex_.unlock();
  for_each_slot([](epoch_slot& slot) { slot.lock_.leave(); });
  slots_.unlock();
  visitors_.unlock();
}

// Only the thread that forked is here. What the others had retired becomes orphans; what others were freeing is lost.
void epoch_state::child_of_fork() noexcept {
  const thread_words& own = sync::words();
  advancing_.store(0, std::memory_order_relaxed);
  for (auto& count : reclaiming_) count.store(0, std::memory_order_relaxed);
  const bool in_deleter = own.reclaiming == this;
  if (in_deleter) reclaiming_[own.reclaiming_phase].store(1, std::memory_order_relaxed);
  std::size_t objects = in_deleter ? own.objects_in_hand : 0, bytes = in_deleter ? own.bytes_in_hand : 0;
  const auto count = [&](const bag_queue& bags) {
    for (const epoch_bag* bag = bags.head; bag != nullptr; bag = bag->next) {
      objects += objects_in(*bag);
      bytes += bag->bytes;
    }
  };
  for_each_slot([&](epoch_slot& slot) {
    if (slot.thread_.load(std::memory_order_relaxed) == 0) return;
    if (slot.owner_ == &own || slot.owner_ == epoch_slot::late_owner(&own)) {
      slot.thread_.store(sync::thread_id(), std::memory_order_relaxed);
      count(slot.limbo_);
      return;
    }
    give_up(slot);
  });
  take_over(awaited_);
  for (const bag_queue* bags : {&orphans_, &held_}) count(*bags);
  pending_objects_.store(objects, std::memory_order_relaxed);
  pending_bytes_.store(bytes, std::memory_order_relaxed);
  new (&barrier_mutex_) mutex;  // the barrier that held it is not here
  orphans_mutex_.unlock();
  slots_.unlock();
  visitors_.unlock();
}

// Of a thread that is not here. It may have been about to enter, and so look as if it were inside, while before_fork()
// was: only where that was not possible does it count.
void epoch_state::give_up(epoch_slot& slot) noexcept {
  if (!entered_for_fork_ && slot.lock_.owner_is_inside()) {
    slot.limbo_ = {};
    slot.open_->bag = nullptr;
  } else {
    seal_all(slot);
    take_over(slot.limbo_);
  }
  slot.open_->next = nullptr;
  slot.lock_.abandon();
  slot.state_.store(0, std::memory_order_relaxed);
  slot.late_ = false;
  slot.owner_ = nullptr;
  slot.thread_.store(0, std::memory_order_relaxed);
}

}  // namespace cistern::inline v0::detail
