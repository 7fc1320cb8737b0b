// SPDX-License-Identifier: MIT
//
// Design: a barrier takes every bag that there is, under the locks of their threads, and waits for two things: that
// those who took bags before it have run them, and that no reader can see what is in its own. Then it runs its own.
//
// Orders: [q] acquire in wait_for_reclaimers() <-> release in end_reclaiming() [p], epoch_reclaim.cpp: the effects of
//         the deleters that others ran. [s] acquire in is_idle() <-> release in free_bag() [r], there too.
#include "epoch_state.hpp"
#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <mutex>
#include <utility>

namespace cistern::inline v0::detail {

// A reclaimer counts itself in a phase that it read before, so both phases must have been seen empty.
bool epoch_state::wait_for_reclaimers(sync::clock::time_point deadline) noexcept {
  for (int turn = 0; turn < 2; ++turn) {
    const unsigned old = phase_.fetch_add(1, std::memory_order_relaxed) & 1;
    for (int look = 0; reclaiming_[old].load(std::memory_order_acquire) != 0; ++look) {  // [q] pairs with [p]
      if (look < 100) {
        sync::yield();
        continue;
      }
      const auto now = sync::now();
      if (now >= deadline) return false;
      sync::sleep_until(now + std::chrono::microseconds(100));
    }
  }
  return true;
}

// Moves all that is retired to awaited_.
bool epoch_state::begin_barrier(sync::clock::time_point deadline) noexcept {
  while (!take_from_threads(1 << 16)) {  // an owner that was preempted inside its lock, or a fence that was refused
    const auto now = sync::now();
    if (now >= deadline) return false;
    sync::sleep_until(now + std::chrono::microseconds(100));
  }
  const std::scoped_lock lock(orphans_mutex_);
  awaited_ = std::exchange(orphans_, {});
  awaited_.append(held_);
  orphan_objects_.store(0, std::memory_order_relaxed);
  return true;
}

bool epoch_state::barrier(sync::clock::time_point deadline) noexcept {
  while (!barrier_mutex_.try_lock()) {
    const auto now = sync::now();
    if (now >= deadline) return false;
    sync::sleep_until(now + std::chrono::microseconds(100));
  }
  const bool done = begin_barrier(deadline) && wait_for_reclaimers(deadline) && wait_for_readers(deadline);
  bag_queue expired;
  const unsigned phase = begin_reclaiming();  // before the next barrier, which then waits for these deleters
  {
    const std::scoped_lock lock(orphans_mutex_);
    if (done)
      expired = std::exchange(awaited_, {});
    else
      take_over(awaited_);
  }
  barrier_mutex_.unlock();
  run(expired, phase);
  end_reclaiming(phase);
  return done;
}

// Whether no open bag holds an object; of one list, or of all for nullptr. False when a slot was passed over.
bool epoch_state::open_bags_are_empty(const retire_list* only) noexcept {
  std::size_t words = 0;
  const bool all = visit_slots(1 << 16, [&](epoch_slot& slot) {
    for (const open_bag* open = slot.open_; open != nullptr; open = open->next)
      if (open->bag != nullptr && (only == nullptr || open->list == only)) words += open->bag->count;
  });
  return all && words == 0;
}

bool epoch_state::nothing_pending() noexcept {
  return open_bags_are_empty(nullptr) && pending_objects_.load(std::memory_order_relaxed) == 0;
}

// Deleters may retire again, so this goes round; what is left after so many rounds retires for ever.
bool epoch_state::drain(sync::clock::time_point deadline) noexcept {
  constexpr int rounds = 1000;
  for (int round = 0; round < rounds; ++round) {
    if (!barrier(deadline)) return false;
    if (nothing_pending()) return true;
    if (holds_taken_.load(std::memory_order_relaxed) != 0 || sync::now() >= deadline) return false;
  }
  return false;
}

const char* epoch_state::what_is_left(bool drained) noexcept {
  if (any_pinned()) return "a thread is pinned in it";
  if (holds_taken_.load(std::memory_order_relaxed) != 0) return "an epoch_hold of it is alive";
  return drained ? nullptr : "deleters still run or retire again, or the kernel refuses its fences";
}

// True when nothing of the list is sealed or being freed, and all its open bags are empty. Only its own deleters may
// retire into it meanwhile, so what is in an open bag that was passed already came from a bag that was counted as
// sealed.
bool epoch_state::is_idle(const retire_list& list) noexcept {
  const std::size_t sealed = list.sealed_.load(std::memory_order_relaxed);
  if (list.freed_.load(std::memory_order_acquire) != sealed) return false;  // [s] pairs with [r]
  return open_bags_are_empty(&list) && list.sealed_.load(std::memory_order_relaxed) == sealed;
}

void epoch_state::close_all(const retire_list& list) noexcept {
  do {
    barrier(no_deadline);
    const std::scoped_lock lock(orphans_mutex_);
    for (const epoch_bag* bag = held_.head; bag != nullptr; bag = bag->next)
      if (bag->list == &list) fatal("a retire_list is destroyed while an epoch_hold keeps one of its objects");
  } while (!is_idle(list));
  open_bag* closed = nullptr;
  const auto close = [&](epoch_slot& slot) {
    for (open_bag** place = &slot.open_->next; *place != nullptr;) {
      open_bag* const open = *place;
      if (open->list != &list) {
        place = &open->next;
        continue;
      }
      *place = open->next;
      open->next = std::exchange(closed, open);
    }
  };
  while (!visit_slots(1 << 16, close)) sync::sleep_until(sync::now() + std::chrono::microseconds(100));
  while (closed != nullptr) {
    delete closed->bag;  // empty
    delete std::exchange(closed, closed->next);
  }
}

epoch_statistics epoch_state::statistics() noexcept {
  std::size_t open_objects = 0, open_bytes = 0, threads = 0;
  visit_slots(owner_patience, [&](epoch_slot& slot) {
    ++threads;
    for (const open_bag* open = slot.open_; open != nullptr; open = open->next) {
      if (open->bag == nullptr) continue;
      open_objects += objects_in(*open->bag);
      open_bytes += open->bag->bytes;
    }
  });
  const std::chrono::nanoseconds since(blocker_since_.load(std::memory_order_relaxed));
  const std::uint32_t blocker = blocker_thread_.load(std::memory_order_relaxed);
  const std::scoped_lock lock(orphans_mutex_);
  return {.epoch = epoch_.load(std::memory_order_relaxed) / epoch_word::step,
          .advances = advances_.load(std::memory_order_relaxed),
          .blocked_advances = blocked_.load(std::memory_order_relaxed),
          .busy_advances = busy_.load(std::memory_order_relaxed),
          .refused_fences = refused_.load(std::memory_order_relaxed),
          .over_cap = over_cap_.load(std::memory_order_relaxed),
          .pending_objects = pending_objects_.load(std::memory_order_relaxed) + open_objects,
          .pending_bytes = pending_bytes_.load(std::memory_order_relaxed) + open_bytes,
          .orphans = orphan_objects_.load(std::memory_order_relaxed),
          .threads = threads,
          .blocker = {.thread = blocker,
                      .age = blocker == 0 ? std::chrono::nanoseconds(0) : sync::now().time_since_epoch() - since},
          .light_pins = asymmetric_fence::light_is_light()};
}

}  // namespace cistern::inline v0::detail
