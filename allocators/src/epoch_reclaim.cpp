// SPDX-License-Identifier: MIT
//
// Design: a thread fills a bag, seals it with a tag, and keeps it in the order of sealing; two expired ones are run
// each time that it makes room for a new bag, so that deleters are amortised. What a thread leaves behind (it ends,
// sleeps, or is visited by a collector) goes to the orphans, from where collect() and barrier() run it.
//
// Invariants: I1 a bag is in one place only: open, in limbo, an orphan, awaited, held, or taken to be run; I2 a sealed
// bag is not written until it is run; I3 nothing is run with a lock held, and no thread runs bags within a deleter.
//
// Orders: [i] the full fence in seal(), between the unlinks and the load of the tag; see [d] in epoch_advance.cpp.
//         Without it a tag may be older than a reader's epoch that does not see the unlink: a use after free at + 2
//         (tests/models/epoch.pml, mutant NO_SEAL_FENCE).
//         [n] acquire loads of the epoch before running <-> [d]: what the scan acquired happens before the free.
//         [t] release of a new hold <-> acquire of the list [u]; [v] release as a hold ends <-> acquire in is_held()
//         [w]; [r] release in free_bag() <-> acquire in is_idle() [s], epoch_barrier.cpp: a list's context may go.
//         [x] release of the count of holds <-> acquire in run() [y], where none is looked at. [p] release in
//         end_reclaiming() <-> acquire in barrier() [q]: the deleters' effects.
#include "epoch_state.hpp"
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace cistern::inline v0::detail {
namespace {

constexpr std::size_t bags_per_room = 2;    // run by a thread that makes room, at most
constexpr std::size_t bags_above_cap = 16;  // and when too much is pending
constexpr auto all_bags = static_cast<std::size_t>(-1);
// A thread advances when it has sealed so much: then a heavy fence costs some nanoseconds for each object.
constexpr std::uint32_t objects_per_advance = 1000;
constexpr std::size_t bytes_per_advance = epoch_bag::most_bytes;

// What a bag holds has been cold for two epochs, and its deleter is about to write it: 1.5 ns less for each object of
// 64 bytes (perf/allocators/epoch_domain_bench.cpp).
void prefetch_objects(const epoch_bag& bag) noexcept {
  for (std::size_t i = 0; i < bag.count; i += words_each(bag)) __builtin_prefetch(bag.entries[i], 1);
}

}  // namespace

// Frees what lies in `count` words of a bag of `list`.
void free_all(const retire_list* list, void** words, std::size_t count) noexcept {
  if (list != nullptr) {
    list->reclaim_(list->context_, words, count);
    return;
  }
  for (void** entry = words; entry != words + count; entry += epoch_state::entry_words)
    reinterpret_cast<retired_deleter>(entry[1])(entry[0], entry[2]);
}

bool epoch_state::age(age_level /*level*/) noexcept { return collect(); }

void epoch_state::wake_reclaimer() const noexcept {
  if (options_.background && options_.clock == &ageing_clock::process()) background_reclaimer::wake();
}

open_bag* epoch_state::open(epoch_slot& slot, const retire_list& list) noexcept {
  auto* const opened = new (std::nothrow) open_bag{.bag = nullptr, .list = &list, .next = nullptr, .slot = &slot};
  if (opened == nullptr) return nullptr;
  slot.lock_.lock(slot.light_);
  opened->next = slot.open_->next;
  slot.open_->next = opened;
  slot.lock_.unlock();
  return opened;
}

void epoch_state::seal(epoch_slot& slot, open_bag& open) noexcept {
  epoch_bag* const bag = std::exchange(open.bag, nullptr);
  bag->tag = sync::fence_then_load(epoch_);  // [i]
  const std::size_t objects = objects_in(*bag);
  pending_objects_.fetch_add(objects, std::memory_order_relaxed);
  pending_bytes_.fetch_add(bag->bytes, std::memory_order_relaxed);
  if (bag->list != nullptr) bag->list->sealed_.fetch_add(objects, std::memory_order_relaxed);
  slot.sealed_objects_ += static_cast<std::uint32_t>(objects);
  slot.sealed_bytes_ += bag->bytes;
  slot.limbo_.push(bag);
}

void epoch_state::seal_all(epoch_slot& slot) noexcept {
  // An empty one too: what is put into the next one then wakes the reclaimer.
  for (open_bag* open = slot.open_; open != nullptr; open = open->next)
    if (open->bag != nullptr) seal(slot, *open);
}

bag_queue epoch_state::take_expired(bag_queue& from, std::size_t most) noexcept {
  const std::uint64_t now = epoch_.load(std::memory_order_acquire);  // [n]
  bag_queue taken;
  for (; most > 0 && from.head != nullptr && epoch_word::expired(from.head->tag, now); --most) taken.push(from.pop());
  return taken;
}

// Above the cap of pending bytes: waits for readers and frees, if this thread may.
void epoch_state::relieve(epoch_slot& slot) noexcept {
  if (pending_bytes_.load(std::memory_order_relaxed) <= options_.max_pending_bytes) return;
  if (slot.pinned() || sync::words().reclaiming != nullptr || !options_.amortised) {
    over_cap_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (!wait_for_readers(deadline_after(options_.over_cap_wait))) return;
  const unsigned phase = begin_reclaiming();
  slot.lock_.lock(slot.light_);
  bag_queue expired = take_expired(slot.limbo_, bags_above_cap);
  slot.lock_.unlock();
  bag_queue left_by_others = take_expired_orphans(bags_above_cap);
  expired.append(left_by_others);
  run(expired, phase);
  end_reclaiming(phase);
}

bool epoch_state::make_room(epoch_slot& slot, open_bag& open) noexcept {
  relieve(slot);
  auto* room = new (std::nothrow) epoch_bag;
  const bool may_run = sync::words().reclaiming == nullptr && options_.amortised;
  const unsigned phase = may_run ? begin_reclaiming() : 0;

  slot.lock_.lock(slot.light_);
  if (open.bag != nullptr && open.bag->count != 0) seal(slot, open);
  if (open.bag == nullptr && room != nullptr) {
    open.bag = std::exchange(room, nullptr);
    open.bag->list = open.list;
    open.bag->bytes = open.bag->count = 0;
  }
  const bool made = open.bag != nullptr;
  const bool advance_now = slot.sealed_objects_ >= objects_per_advance || slot.sealed_bytes_ >= bytes_per_advance;
  if (advance_now) slot.sealed_objects_ = 0, slot.sealed_bytes_ = 0;
  bag_queue expired = may_run ? take_expired(slot.limbo_, bags_per_room) : bag_queue{};
  slot.lock_.unlock();

  delete room;
  if (may_run) {
    // What threads that are gone have left is freed at the pace at which others retire.
    if (expired.head == nullptr && orphan_objects_.load(std::memory_order_relaxed) != 0)
      expired = take_expired_orphans(bags_per_room);
    run(expired, phase);
    end_reclaiming(phase);
  }
  wake_reclaimer();
  if (advance_now) advance();
  return made;
}

void epoch_state::flush(epoch_slot& slot) noexcept {
  const bool may_run = sync::words().reclaiming == nullptr;
  const unsigned phase = may_run ? begin_reclaiming() : 0;
  slot.lock_.lock(slot.light_);
  seal_all(slot);
  bag_queue expired = may_run ? take_expired(slot.limbo_, all_bags) : bag_queue{};
  slot.lock_.unlock();
  if (may_run) {
    run(expired, phase);
    end_reclaiming(phase);
  }
}

void epoch_state::take_over(bag_queue& bags) noexcept {
  std::size_t objects = 0;
  for (const epoch_bag* bag = bags.head; bag != nullptr; bag = bag->next) objects += objects_in(*bag);
  orphan_objects_.fetch_add(objects, std::memory_order_relaxed);
  orphans_.append(bags);
}

void epoch_state::hand_over(epoch_slot& slot) noexcept {
  const std::scoped_lock no_visitors(visitors_);  // a barrier, or a fork, finds no bag on its way (I1)
  slot.lock_.lock(slot.light_);
  seal_all(slot);
  slot.lock_.unlock();
  const std::scoped_lock lock(orphans_mutex_);
  take_over(slot.limbo_);
}

unsigned epoch_state::begin_reclaiming() noexcept {
  const unsigned phase = phase_.load(std::memory_order_relaxed) & 1;
  // Relaxed: whoever must see it comes through the lock under which the bags are then taken.
  reclaiming_[phase].fetch_add(1, std::memory_order_relaxed);
  return phase;
}

void epoch_state::end_reclaiming(unsigned phase) noexcept {
  reclaiming_[phase].fetch_sub(1, std::memory_order_release);  // [p] pairs with [q]
}

void epoch_state::run(bag_queue& bags, unsigned phase) noexcept {
  if (bags.head == nullptr) return;
  thread_words& words = sync::words();
  // A deleter of one domain may wait for another one, and so come here again.
  const thread_words outer = words;
  words.reclaiming = this;
  words.reclaiming_phase = phase;
  words.objects_in_hand = 0;
  words.bytes_in_hand = 0;
  for (const epoch_bag* bag = bags.head; bag != nullptr; bag = bag->next) {
    words.objects_in_hand += static_cast<std::uint32_t>(objects_in(*bag));
    words.bytes_in_hand += bag->bytes;
  }
  bag_queue held;
  while (bags.head != nullptr) {
    epoch_bag* const bag = bags.pop();
    words.objects_in_hand -= static_cast<std::uint32_t>(objects_in(*bag));
    words.bytes_in_hand -= bag->bytes;
    // A hold that is there was published by a pinned thread, whose unpinning happened before the epoch that was read.
    if (holds_taken_.load(std::memory_order_acquire) != 0) set_held_apart(*bag, held);  // [y] pairs with [x]
    if (held.tail != bag) free_bag(bag);
  }
  words.reclaiming = outer.reclaiming;
  words.reclaiming_phase = outer.reclaiming_phase;
  words.objects_in_hand = outer.objects_in_hand;
  words.bytes_in_hand = outer.bytes_in_hand;
  if (held.head == nullptr) return;
  const std::scoped_lock lock(orphans_mutex_);
  held_.append(held);
}

void epoch_state::free_bag(epoch_bag* bag) noexcept {
  const retire_list* const list = bag->list;
  const std::size_t objects = objects_in(*bag);
  pending_objects_.fetch_sub(objects, std::memory_order_relaxed);
  pending_bytes_.fetch_sub(bag->bytes, std::memory_order_relaxed);
  prefetch_objects(*bag);
  if (objects != 0) free_all(list, bag->entries, bag->count);
  delete bag;
  if (list != nullptr) list->freed_.fetch_add(objects, std::memory_order_release);  // [r] pairs with [s]
}

bool epoch_state::is_held(const void* object) noexcept {
  if (object == nullptr) return false;  // what holds hold when they hold nothing
  for (const hold_word* hold = holds_.load(std::memory_order_acquire); hold != nullptr; hold = hold->next)  // [u]
    if (hold->object.load(std::memory_order_acquire) == object) return true;                                // [w]
  return false;
}

// Runs what is not held. If anything is, it stays in the bag, and the bag goes to `held`.
void epoch_state::set_held_apart(epoch_bag& bag, bag_queue& held) noexcept {
  const std::size_t stride = words_each(bag);
  const auto entry_at = [&bag](std::size_t i) { return bag.entries + i; };
  std::size_t free = 0;
  for (std::size_t i = 0; i < bag.count; i += stride) {
    if (is_held(bag.entries[i])) continue;
    std::swap_ranges(entry_at(free), entry_at(free) + stride, entry_at(i));
    free += stride;
  }
  if (free == bag.count) return;
  const std::size_t bytes = bag.bytes / (bag.count / stride) * (free / stride);
  pending_objects_.fetch_sub(free / stride, std::memory_order_relaxed);
  pending_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (free != 0) free_all(bag.list, bag.entries, free);
  if (bag.list != nullptr) bag.list->freed_.fetch_add(free / stride, std::memory_order_release);  // [r]
  std::copy(entry_at(free), entry_at(bag.count), entry_at(0));
  bag.bytes -= bytes;
  bag.count -= free;
  held.push(&bag);
}

void epoch_state::reclaim_now(const epoch_slot& slot, const open_bag& open, void** entry, std::size_t words) {
  if (slot.pinned() || sync::words().reclaiming != nullptr || !options_.amortised) throw std::bad_alloc();
  wait_for_readers(no_deadline);
  if (holds_taken_.load(std::memory_order_acquire) != 0 && is_held(entry[0])) throw std::bad_alloc();  // [y]
  sync::words().reclaiming = this;                                                                     // it was nullptr
  free_all(open.list, entry, words);
  sync::words().reclaiming = nullptr;
}

bool epoch_state::take_from_threads(int patience) noexcept {
  return visit_slots(patience, [this](epoch_slot& slot) {
    seal_all(slot);
    if (slot.limbo_.head == nullptr) return;
    const std::scoped_lock lock(orphans_mutex_);
    take_over(slot.limbo_);
  });
}

bag_queue epoch_state::take_expired_orphans(std::size_t most) noexcept {
  const std::scoped_lock lock(orphans_mutex_);
  const std::uint64_t now = epoch_.load(std::memory_order_acquire);  // [n]
  bag_queue expired, waiting;
  // Of several threads' bags, the first ones are the oldest but for a few: where few are wanted, few are looked at.
  for (std::size_t looks = most == all_bags ? all_bags : 2 * most; looks > 0 && orphans_.head != nullptr; --looks) {
    epoch_bag* const bag = orphans_.pop();
    const bool is_expired = epoch_word::expired(bag->tag, now);
    if (is_expired) orphan_objects_.fetch_sub(objects_in(*bag), std::memory_order_relaxed);
    (is_expired ? expired : waiting).push(bag);
  }
  orphans_.append(waiting);
  return expired;
}

bool epoch_state::collect() noexcept {
  bool any_ran = false;
  const bool all_taken = take_from_threads(owner_patience);
  for (int step = 0; step < 2 && advance(); ++step) {
  }
  if (sync::words().reclaiming == nullptr) {
    const unsigned phase = begin_reclaiming();
    {
      const std::scoped_lock lock(orphans_mutex_);
      take_over(held_);  // a hold may have ended
    }
    bag_queue expired = take_expired_orphans(all_bags);
    any_ran = expired.head != nullptr;
    run(expired, phase);
    end_reclaiming(phase);
  }
  // What deleters have retired lies in this thread's open bags.
  return any_ran || !all_taken || pending_objects_.load(std::memory_order_relaxed) != 0;
}

}  // namespace cistern::inline v0::detail
