// SPDX-License-Identifier: MIT
//
// Design: gets and puts past the inline path. First a look at all stripes in passing, without the pool's mutex. A get
// that finds nothing and a put that finds no room take it, and look again: then there is room in the total, or one
// waits.
//
// While somebody waits all stripes are gated, so that every get and put comes here, with the mutex: a put hands its
// item to the oldest get that waits, a get makes room for the oldest put that waits. One waits only after all stripes
// were gated and looked at once more; so no put comes between the look and the wait.
//
// A waiter is served by a change of its state, by who has the mutex; or it gives up by one, with or without the mutex.
// So it is served or not, and a put that was served touches the pool no more, which may be gone.
//
// Orders: [i] release in serve() <-> acquire in sleep() [j]: what the waiter is given. All else by the mutex.
#include "bounded_state.hpp"
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/poison.hpp>

#include <mutex>
#include <new>

namespace cistern::inline v0::detail {

sync::clock::time_point bounded_deadline(std::chrono::nanoseconds wait) noexcept {
  if (wait <= std::chrono::nanoseconds::zero()) return sync::clock::time_point::min();
  return deadline_after(wait);
}

namespace {

bool has_passed(sync::clock::time_point deadline) noexcept {
  return deadline == sync::clock::time_point::min() ||
         (deadline != sync::clock::time_point::max() && deadline <= sync::now());
}

}  // namespace

// ---- those who wait

bool bounded_waiter::sleep() noexcept {
  while (state.load(std::memory_order_acquire) == waiting) {  // [j] pairs with [i]
    if (deadline == sync::clock::time_point::max()) {
      sync::park(state, waiting);
    } else if (!sync::park_until(state, waiting, deadline)) {
      std::uint32_t seen = waiting;
      if (state.compare_exchange_strong(seen, gone, std::memory_order_acquire)) return false;  // [j] pairs with [i]
    }
  }
  return true;
}

void bounded_queue::push(bounded_waiter& waiter) noexcept {
  waiter.is_queued = true;
  waiter.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
}

void bounded_queue::remove(bounded_waiter& waiter) noexcept {
  if (!waiter.is_queued) return;
  waiter.is_queued = false;
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
}

bool bounded_queue::serve(bounded_waiter::with how, bounded_item* item, bounded_wakes& wakes,
                          bounded_item** brought) noexcept {
  while (first_ != nullptr) {
    bounded_waiter& oldest = *first_;
    remove(oldest);
    // One whose deadline has passed finds that out by itself.
    if (how != bounded_waiter::with::closed && has_passed(oldest.deadline)) continue;
    if (brought != nullptr) *brought = oldest.item;
    if (item != nullptr) oldest.item = item;
    oldest.how = how;
    const sync::atomic<std::uint32_t>& word = oldest.state;
    std::uint32_t seen = bounded_waiter::waiting;
    if (!oldest.state.compare_exchange_strong(seen, bounded_waiter::served, std::memory_order_release,  // [i]
                                              std::memory_order_relaxed))
      continue;
    wakes.add(word);
    return true;
  }
  return false;
}

void bounded_state::give_up(bounded_queue& queue, bounded_waiter& waiter) noexcept {
  const std::scoped_lock lock(mutex_);
  queue.remove(waiter);
  ungate_if_nobody_waits();
}

// ---- getting

bounded_state::claim bounded_state::get(sync::clock::time_point deadline) noexcept {
  thread_seat* const seat = thread_seat::sure();
  if (bounded_item* const item = pop_in_passing(seat, false)) return found(*item);
  bounded_waiter waiter{.deadline = deadline};
  bounded_wakes wakes;
  {
    std::unique_lock lock(mutex_);
    if (closed_) return none(refusal::closed);
    if (gets_.empty()) {
      if (bounded_item* const item = pop_anywhere(seat, gated_)) {
        admit_puts(seat, wakes);
        return found(*item);
      }
      if (has_room()) {
        add_to_total(false);
        lock.unlock();
        return room(false);
      }
    }
    if (has_passed(deadline)) {
      lock.unlock();
      return last_resort();
    }
    if (!gated_) {
      set_gated(true);
      if (bounded_item* const item = pop_anywhere(seat, true)) {
        ungate_if_nobody_waits();
        return found(*item);
      }
    }
    counters::add(counts.waits);
    gets_.push(waiter);
  }
  return await(waiter);
}

bounded_state::claim bounded_state::await(bounded_waiter& waiter) noexcept {
  if (!waiter.sleep()) {
    give_up(gets_, waiter);
    return last_resort();
  }
  if (waiter.how == bounded_waiter::with::closed) return none(refusal::closed);
  return waiter.how == bounded_waiter::with::room ? room(false) : found(*waiter.item);
}

bounded_state::claim bounded_state::last_resort() noexcept {
  if (options_.by != bound::total_or_extra) return none(refusal::exhausted);
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return none(refusal::closed);
    add_to_total(true);
  }
  return room(true);
}

bounded_state::claim bounded_state::found(bounded_item& item) noexcept {
  wake(item);
  return {&item, true, refusal::none};
}

bounded_state::claim bounded_state::none(refusal why) noexcept {
  counters::add(counts.failures);
  return {nullptr, false, why};
}

bool bounded_state::has_room() const noexcept {
  return options_.by == bound::kept || total_.load(std::memory_order_relaxed) - extras_ < limit_;
}

void bounded_state::add_to_total(bool extra) noexcept {
  const std::size_t total = total_.load(std::memory_order_relaxed) + 1;
  total_.store(total, std::memory_order_relaxed);
  if (extra) ++extras_;
  if (total > most_.load(std::memory_order_relaxed)) most_.store(total, std::memory_order_relaxed);
}

// Memory for an item that is counted already.
bounded_state::claim bounded_state::room(bool extra) noexcept {
  void* block = nullptr;
  try {
    block = options_.upstream->allocate(item_bytes_, item_alignment_);
  } catch (...) {
    counters::add(counts.failures);
    room_is_back(extra);
    return {nullptr, false, refusal::no_memory};
  }
  const std::uint64_t number = counts.rooms.fetch_add(1, std::memory_order_relaxed);
  // So that handles of objects that were here before are stale.
  const auto generation = static_cast<std::uint32_t>(number * 0x9e3779b1) | 1;
  auto* const item = ::new (block) bounded_item{
      .owner = this, .next = nullptr, .generation = generation, .strikes = 0, .is_extra = extra, .life = 0};
  if (options_.background && options_.clock == &ageing_clock::process()) background_reclaimer::wake();
  return {item, false, refusal::none};
}

bounded_state::claim bounded_state::room_to_keep() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || !has_room() || kept() >= limit_) return {nullptr, false, refusal::exhausted};
    add_to_total(false);
  }
  const claim made = room(false);
  return made;
}

// ---- putting

void bounded_state::put(bounded_item& item) noexcept {
  if (item.is_extra) return put_extra(item);
  thread_seat* const seat = thread_seat::sure();
  if (push_in_passing(seat, item, false)) return;
  bounded_waiter waiter{.deadline = bounded_deadline(options_.max_put_wait)};
  bounded_wakes wakes;
  {
    std::unique_lock lock(mutex_);
    const auto drop = [&] {
      lock.unlock();
      destroy(item);
    };
    if (closed_) return drop();
    if (gets_.serve(bounded_waiter::with::item, &item, wakes)) {
      counters::add(counts.handovers);
      return ungate_if_nobody_waits();
    }
    ungate_if_nobody_waits();
    if (push_anywhere(seat, item, gated_)) return;
    if (has_passed(waiter.deadline)) {
      counters::add(counts.overflowed);
      return drop();
    }
    if (!gated_) {
      set_gated(true);
      if (push_anywhere(seat, item, true)) return ungate_if_nobody_waits();
    }
    counters::add(counts.put_waits);
    waiter.item = &item;
    puts_.push(waiter);
  }
  if (waiter.sleep()) {
    if (waiter.how == bounded_waiter::with::closed) destroy(item);
    return;
  }
  give_up(puts_, waiter);
  counters::add(counts.overflowed);
  destroy(item);
}

// For who waits it is as good as any.
void bounded_state::put_extra(bounded_item& item) noexcept {
  bounded_wakes wakes;
  {
    const std::scoped_lock lock(mutex_);
    if (!closed_ && gets_.serve(bounded_waiter::with::item, &item, wakes)) {
      counters::add(counts.handovers);
      return ungate_if_nobody_waits();
    }
  }
  destroy(item);
}

// Where items have gone.
void bounded_state::admit_puts(thread_seat* seat, bounded_wakes& wakes) noexcept {
  bounded_item* brought = nullptr;
  while (!puts_.empty() && kept() < limit_)
    if (puts_.serve(bounded_waiter::with::room, nullptr, wakes, &brought)) push_anywhere(seat, *brought, true);
  ungate_if_nobody_waits();
}

// ---- destroying

void bounded_state::destroy(bounded_item& item) noexcept {
  unpoison(object_of(item), object_bytes_);
  type_.drop(object_of(item), hooks_);
  counters::add(counts.dropped);
  give_back(item);
}

void bounded_state::destroy_idle(bounded_item* first) noexcept {
  while (first != nullptr) {
    bounded_item& item = *first;
    first = item.next;
    wake(item);
    counters::add(counts.aged);
    destroy(item);
  }
}

void bounded_state::give_back(bounded_item& item) noexcept {
  const bool was_extra = item.is_extra;
  item.owner = nullptr;
  item.life = 0;
  options_.upstream->deallocate(&item, item_bytes_, item_alignment_);
  room_is_back(was_extra);
}

void bounded_state::room_is_back(bool was_extra) noexcept {
  bounded_wakes wakes;
  bool is_last = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!was_extra && gets_.serve(bounded_waiter::with::room, nullptr, wakes)) return ungate_if_nobody_waits();
    const std::size_t total = total_.load(std::memory_order_relaxed) - 1;
    total_.store(total, std::memory_order_relaxed);
    if (was_extra) --extras_;
    is_last = ended_ && total == 0;
    ungate_if_nobody_waits();
  }
  if (is_last) free_self();
}

}  // namespace cistern::inline v0::detail
