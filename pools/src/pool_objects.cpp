// SPDX-License-Identifier: MIT
//
// Design: pools of objects. What lies in magazines and in the depot is constructed, what lies in spans is not. So a get
// that finds nothing in its own magazines and in the depot looks into other threads', before an object is made; and
// what goes from a magazine to a span is destroyed, with no lock held, for destructors may use the pool.
//
// Invariants, besides block_pool.cpp's: I4 `total` counts each cell that is out of its span, from before it is taken
// until after it is back; I5 a thief holds no lock of its own cache while it holds another's.
//
// Orders: [b], [c], [d] as in thread_cache.hpp: a thief is a visitor.
#include "misuse.hpp"
#include "object_sites.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/poison.hpp>
#include <cistern/pools/object_pool.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>

namespace cistern::inline v0::detail {
namespace {

// Of an idle one, which is poisoned.
[[gnu::no_sanitize_address]] std::uint16_t put_at(const void* cell) noexcept {
  return static_cast<const object_cell*>(cell)->put_at;
}

}  // namespace

// ---- beginning and end

object_store& object_store::make(const object_pool_options& options, const object_type& type, void* hooks) {
  return *pool_state::make_for_objects({.type = type, .options = &options, .hooks = hooks, .sites = nullptr});
}

pool_state* pool_state::make_for_objects(const object_setup& objects) {
  const object_pool_options& wanted = *objects.options;
  if (wanted.max_total == 0) bad_option("max_total is 0; a pool that may have no object serves nothing");
  if (wanted.min_idle > std::min(wanted.max_idle, wanted.max_total))
    bad_option("min_idle (" + std::to_string(wanted.min_idle) + ") is above max_idle or max_total");
  if (wanted.max_wait < std::chrono::nanoseconds::zero()) bad_option("max_wait is negative");
  const std::size_t sizes[] = {objects.type.cell_bytes};
  auto sites = wanted.record_sites ? std::make_unique<site_table>() : nullptr;
  object_setup setup = objects;
  setup.sites = sites.get();
  pool_state* const made = make({.name = wanted.name,
                                 .classes = size_class_table(std::span<const std::size_t>(sizes)),
                                 .alignment = std::max<std::size_t>(objects.type.alignment, 16),
                                 .upstream = wanted.upstream,
                                 .budget = wanted.budget,
                                 .clock = wanted.clock,
                                 .background = wanted.background,
                                 .at_end = wanted.at_end,
                                 .pass_through = wanted.pass_through},
                                &setup);
  static_cast<void>(sites.release());
  return made;
}

void pool_state::set_up(const object_setup& objects) {
  const object_pool_options& wanted = *objects.options;
  sites_ = objects.sites;
  type_ = objects.type;
  hooks_ = objects.hooks;
  objects_.max_total = wanted.max_total;
  objects_.max_idle = wanted.max_idle;
  objects_.min_idle = wanted.min_idle;
  objects_.max_wait = wanted.max_wait;
  objects_.by_each = wanted.ageing == object_ageing::two_ticks;
  objects_.inline_path =
      wanted.max_idle == object_pool_options::no_limit && !wanted.record_sites && !wanted.pass_through;
}

void object_store::end() noexcept {
  close();
  static_cast<pool_state*>(this)->pool_state::close();
}

void object_store::close() noexcept { static_cast<pool_state*>(this)->close_objects(); }

// Who is in a put or a get meanwhile, or moves magazines, may leave objects in them: they go at the next tick, or with
// the pool.
void pool_state::close_objects() noexcept {
  {
    const std::scoped_lock lock(caches_mutex_);
    objects_.inline_path = false;
    id_.store(nobodys, std::memory_order_relaxed);
  }
  objects_.closed.store(true, std::memory_order_relaxed);
  evict();
  if (waiting_.load(std::memory_order_relaxed) != 0) {
    came_back_.fetch_add(1, std::memory_order_relaxed);
    sync::unpark_all(came_back_);
  }
}

void object_store::clear() noexcept { static_cast<pool_state*>(this)->evict(); }
void object_store::trim() noexcept { static_cast<pool_state*>(this)->trim(); }
std::string_view object_store::name() const noexcept { return static_cast<const pool_state*>(this)->name(); }

// ---- getting

object_cell* object_store::find_idle() noexcept { return static_cast<pool_state*>(this)->take_object(true); }

object_store::claim object_store::get_room() noexcept { return static_cast<pool_state*>(this)->room_for_idle(); }

// Often the thread has only used another pool in between.
object_store::claim object_store::get_cell(sync::clock::time_point deadline) noexcept {
  pool_state& self = *static_cast<pool_state*>(this);
  if (self.becomes_hot())
    if (object_cell* const cell = try_take()) {
      wake(*cell);
      return {cell, true, refusal::none};
    }
  return self.claim_until(deadline);
}

sync::clock::time_point object_store::usual_deadline() const noexcept {
  return static_cast<const pool_state*>(this)->object_deadline();
}

sync::clock::time_point pool_state::object_deadline() const noexcept {
  if (objects_.max_wait == std::chrono::nanoseconds::zero()) return sync::clock::time_point::min();
  return deadline_after(objects_.max_wait);
}

object_store::claim pool_state::claim_until(sync::clock::time_point deadline) noexcept {
  claim got = claim_once();
  // Idle ones may be on their way from one place to another, where nobody finds them. Not for ever: perhaps it is this
  // thread that carries them, and their destructors that ask.
  for (int patience = 100; got.why == refusal::exhausted && is_moving() && patience != 0; --patience) {
    sync::yield();
    got = claim_once();
  }
  if (got.why == refusal::exhausted && deadline != sync::clock::time_point::min() && deadline > sync::now()) {
    waits_.fetch_add(1, std::memory_order_relaxed);
    wait_for_puts(1);
    do got = claim_once();
    while (got.why == refusal::exhausted && wait_a_little(deadline));
    wait_for_puts(-1);
  }
  if (got.cell == nullptr) failures_.fetch_add(1, std::memory_order_relaxed);
  return got;
}

object_store::claim pool_state::claim_once() noexcept {
  if (ended_.load(std::memory_order_relaxed)) misuse::used_after_its_end(*this);
  if (objects_.closed.load(std::memory_order_relaxed)) return {nullptr, false, refusal::closed};
  object_cell* idle = take_object(false);
  if (idle != nullptr) return {idle, true, refusal::none};
  const claim made = room_for_one();
  if (made.why == refusal::exhausted && (idle = take_object(true)) != nullptr) return {idle, true, refusal::none};
  return made;
}

object_store::claim pool_state::room_for_idle() noexcept {
  if (objects_.idle.load(std::memory_order_relaxed) >= objects_.max_idle) return {nullptr, false, refusal::exhausted};
  return room_for_one();
}

object_store::claim pool_state::room_for_one() noexcept {
  if (objects_.closed.load(std::memory_order_relaxed)) return {nullptr, false, refusal::closed};
  const std::size_t before = objects_.total.fetch_add(1, std::memory_order_relaxed);
  if (before >= objects_.max_total) {
    objects_.total.fetch_sub(1, std::memory_order_relaxed);
    return {nullptr, false, refusal::exhausted};
  }
  void* block = center(0).take_block();
  if (block == nullptr) {
    evict();
    if (others_may_give_back()) options_.clock->tick(age_level::pressure);
    block = center(0).take_block();
  }
  if (block == nullptr) {
    objects_.total.fetch_sub(1, std::memory_order_relaxed);
    return {nullptr, false, refusal::no_memory};
  }
  for (std::size_t most = objects_.most.load(std::memory_order_relaxed);
       before + 1 > most && !objects_.most.compare_exchange_weak(most, before + 1, std::memory_order_relaxed);) {
  }
  auto* const cell = static_cast<object_cell*>(block_pool::wake(block, 0));
  // So that handles of objects that were here before are stale.
  cell->generation =
      static_cast<std::uint32_t>(objects_.rooms.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b1) | 1;
  cell->strikes = 0;
  return {cell, false, refusal::none};
}

// Puts that come by the inline path tell nobody; a waiter has them come by put_object() instead.
void pool_state::wait_for_puts(int change) noexcept {
  const std::scoped_lock lock(caches_mutex_);
  objects_.waiting += change;
  waiting_.store(static_cast<std::uint32_t>(objects_.waiting), std::memory_order_relaxed);
  const bool open = objects_.waiting == 0 && objects_.inline_path && light_;
  id_.store(open ? instance_.number() : nobodys, std::memory_order_relaxed);
}

// Thoroughly: looks into other threads' magazines though it did so in vain a short while ago.
object_cell* pool_state::take_object(bool thoroughly) noexcept {
  if (options_.pass_through || objects_.closed.load(std::memory_order_relaxed)) return nullptr;
  thread_cache* const cache = cache_of_this_thread();
  void* found = cache != nullptr ? get_cached(*cache, 0) : nullptr;
  if (found == nullptr) found = from_depot();
  if (found == nullptr) found = take_from_others(cache, thoroughly);
  if (found == nullptr) return nullptr;
  uncount_idle(1);
  auto& cell = *static_cast<object_cell*>(found);
  object_store::wake(cell);
  if (age_of(&cell) >= 1) objects_.victim_hits.fetch_add(1, std::memory_order_relaxed);
  return &cell;
}

// For a thread that has no cache.
void* pool_state::from_depot() noexcept {
  class_center& from = center(0);
  magazine* const taken = from.take();
  if (taken == nullptr) return nullptr;
  loaded blocks = from.of(*taken);
  void* const block = *--blocks.top;
  objects_.uncached_hits.fetch_add(1, std::memory_order_relaxed);
  taken->set_stored(blocks.count());
  if (blocks.empty())
    give_empty(*taken, from);
  else
    from.give_back(taken);
  return block;
}

// Whole magazines first, for those nobody is in the way of. What is stolen and not wanted at once is the thief's from
// now on.
//
// A look at all threads that finds nothing costs as much as there are threads; so only one miss in so many looks.
void* pool_state::take_from_others(thread_cache* mine, bool thoroughly) noexcept {
  constexpr std::uint32_t looks = 16;
  if (mine != nullptr && mine->skipped_looks != 0 && !thoroughly) {
    --mine->skipped_looks;
    return nullptr;
  }
  loaded stolen = loaded::nothing();
  std::uint32_t looked = 0;
  {
    const std::scoped_lock lock(caches_mutex_);
    for (const bool whole_magazines : {true, false})
      for (thread_cache* each = caches_; each != nullptr && stolen.empty(); each = each->next, ++looked)
        if (each != mine) stolen = steal_from(*each, whole_magazines);
  }
  if (mine != nullptr) mine->skipped_looks = stolen.empty() ? looked / looks : 0;
  if (stolen.empty()) return nullptr;
  objects_.steals.fetch_add(1, std::memory_order_relaxed);
  objects_.uncached_hits.fetch_add(1, std::memory_order_relaxed);
  magazine& holder = *magazine::of(stolen.top);
  void* const block = *--stolen.top;
  if (stolen.empty()) {
    give_empty(holder, center(0));
    return block;
  }
  loaded left = stolen;
  if (mine != nullptr) {
    const std::scoped_lock lock(mine->lock);
    thread_cache::bin& bin = mine->bin_of(0);
    if (const loaded before = of(bin); before.empty()) {
      if (before.has_magazine()) give_empty(*magazine::of(before.limit), center(0));
      mine->shelf_of(0).forget();
      set(bin, stolen);
      left = loaded::nothing();
    }
  }
  if (!left.empty()) {
    void** const bottom = holder.bottom(center(0).geometry().capacity);
    holder.set_stored(static_cast<std::size_t>(std::copy(left.limit, left.top, bottom) - bottom));
    center(0).give_back(&holder);
  }
  something_is_idle();
  return block;
}

// A full magazine that is not in use; or the older half of the one that is.
loaded pool_state::steal_from(thread_cache& other, bool whole_magazines) noexcept {
  class_center& to = center(0);
  const std::scoped_lock lock(other.lock);
  thread_cache::shelf& shelf = other.shelf_of(0);
  thread_cache::bin& bin = other.bin_of(0);
  if (whole_magazines) {
    if (magazine* const full = shelf.more.full.pop()) {
      shelf.more.fewest = std::min(shelf.more.fewest, shelf.more.full.size);
      return to.of(*full);
    }
    return shelf.spare.empty() ? loaded::nothing() : std::exchange(shelf.spare, loaded::nothing());
  }
  const loaded now = of(bin);
  if (now.empty()) return loaded::nothing();
  magazine* const into = take_empty(to);
  if (into == nullptr) return loaded::nothing();
  void** const half = now.limit + (now.count() + 1) / 2;
  bin.limit.store(half, std::memory_order_relaxed);  // [b] before the heavy fence
  if (light_ && !asymmetric_fence::heavy_fence()) {
    bin.limit.store(now.limit, std::memory_order_relaxed);
    give_empty(*into, to);
    return loaded::nothing();
  }
  void** const top = bin.top.load(std::memory_order_acquire);  // [d] pairs with [c]
  void** const end = std::max(now.limit, std::min(half, top));
  void** const bottom = into->bottom(to.geometry().capacity);
  const loaded stolen{bottom, std::copy(now.limit, end, bottom)};
  bin.limit.store(end, std::memory_order_relaxed);
  if (stolen.empty()) give_empty(*into, to);
  return stolen;
}

// ---- putting

void pool_state::put_object(void* cell) noexcept {
  if (options_.pass_through || objects_.closed.load(std::memory_order_relaxed)) return put_uncached(cell, 0);
  thread_cache* const cache = cache_of_this_thread();
  if (cache == nullptr) return put_uncached(cell, 0);
  if (objects_.max_idle != object_pool_options::no_limit &&
      objects_.idle.fetch_add(1, std::memory_order_relaxed) >= objects_.max_idle) {
    uncount_idle(1);
    objects_.refused.fetch_add(1, std::memory_order_relaxed);
    return put_uncached(cell, 0);
  }
  put_cached(*cache, cell, 0);
  tell_waiters();
}

void object_store::drop(object_cell& cell, reason why) noexcept {
  pool_state& self = *static_cast<pool_state*>(this);
  const pool_state::share held(self);
  if (why == reason::refused) self.count_refused();
  if (why == reason::failed) self.count_failed();
  lay_down(&cell, 0);
  self.destroy_object(cell);
}

void object_store::count_made(bool by_get) noexcept { static_cast<pool_state*>(this)->count_made_object(by_get); }

void object_store::give_back_room(object_cell& cell) noexcept {
  pool_state& self = *static_cast<pool_state*>(this);
  const pool_state::share held(self);
  self.count_failed();
  lay_down(&cell, 0);
  self.room_is_back(&cell);
}

// Of one that is marked as idle.
void pool_state::destroy_object(object_cell& cell) noexcept {
  end_object(cell);
  room_is_back(&cell);
}

void pool_state::end_object(object_cell& cell) noexcept {
  object_store::wake(cell);
  if (sites_ != nullptr) sites_->forget(&cell);
  type_.drop(object_of(cell), hooks_);
  objects_.dropped.fetch_add(1, std::memory_order_relaxed);
  poison(&cell, stride_[0]);
}

void pool_state::room_is_back(void* cell) noexcept {
  objects_.total.fetch_sub(1, std::memory_order_relaxed);
  center(0).give_block(cell, !ended_.load(std::memory_order_relaxed));
  tell_waiters();
}

void* pool_state::object_of(object_cell& cell) const noexcept {
  return reinterpret_cast<char*>(&cell) + type_.object_at;
}

// ---- ageing

// Up to where, from below, objects leave. They lie in the order in which they were put.
void** pool_state::end_of_stale(void** from, void** end, bool all) const noexcept {
  if (all || !objects_.by_each) return end;
  while (from != end && age_of(*from) >= 2) ++from;
  return from;
}

std::uint16_t pool_state::age_of(const void* cell) const noexcept {
  return static_cast<std::uint16_t>(now() - put_at(cell));
}

void pool_state::uncount_idle(std::size_t count) noexcept {
  if (objects_.max_idle != object_pool_options::no_limit) objects_.idle.fetch_sub(count, std::memory_order_relaxed);
}

// With the mutex of caches.
void pool_state::leave(magazine& with, const loaded& blocks) noexcept {
  void** const bottom = with.bottom(center(0).geometry().capacity);
  with.set_stored(static_cast<std::size_t>(std::copy(blocks.limit, blocks.top, bottom) - bottom));
  objects_.moving.fetch_add(with.stored(), std::memory_order_relaxed);
  objects_.leaving.push(&with);
}

// With no lock held.
void pool_state::drop_leaving(std::size_t least) noexcept {
  if (!is_for_objects()) return;
  if (least != 0) keep_least(least);
  class_center& from = center(0);
  for (;;) {
    magazine* gone = nullptr;
    {
      const std::scoped_lock lock(caches_mutex_);
      gone = objects_.leaving.pop();
    }
    if (gone == nullptr) return;
    const loaded blocks = from.of(*gone);
    const std::size_t count = blocks.count();
    for (void** each = blocks.limit; each != blocks.top; ++each) end_object(*static_cast<object_cell*>(*each));
    objects_.aged.fetch_add(count, std::memory_order_relaxed);
    uncount_idle(count);
    from.dissolve(blocks);
    objects_.total.fetch_sub(count, std::memory_order_relaxed);
    objects_.moving.fetch_sub(count, std::memory_order_relaxed);
    free_magazine(*gone, from);
    tell_waiters();
  }
}

// Puts back what would leave fewer idle ones than `least`.
void pool_state::keep_least(std::size_t least) noexcept {
  class_center& to = center(0);
  const std::scoped_lock lock(caches_mutex_);
  std::size_t idle = idle_objects();
  while (idle < least && objects_.leaving.size != 0) {
    magazine* const kept = objects_.leaving.pop();
    const loaded blocks = to.of(*kept);
    const std::size_t stay = std::min(blocks.count(), least - idle);
    objects_.moving.fetch_sub(blocks.count(), std::memory_order_relaxed);
    idle += stay;
    if (magazine* const into = stay != blocks.count() ? take_empty(to) : nullptr) {
      leave(*into, {blocks.limit, blocks.top - stay});
      std::copy(blocks.top - stay, blocks.top, blocks.limit);
      kept->set_stored(stay);
    }
    to.give_back(kept);
  }
}

// In magazines and in the depot. With the mutex of caches. None changes its magazines meanwhile, so that no object is
// counted both here and there.
std::size_t pool_state::idle_objects() noexcept {
  for (thread_cache* each = caches_; each != nullptr; each = each->next) each->lock.lock();
  std::size_t idle = center(0).read().depot_blocks;
  for (thread_cache* each = caches_; each != nullptr; each = each->next) {
    const thread_cache::shelf& shelf = each->shelf_of(0);
    idle += of(each->bin_of(0)).count() + shelf.spare.count();
    for (const magazine* full = shelf.more.full.first; full != nullptr; full = full->next()) idle += full->stored();
    each->lock.unlock();
  }
  return idle;
}

// ---- what is told

void object_store::written_after_put(const object_cell& cell) const noexcept {
  misuse::written_after_put(*static_cast<const pool_state*>(this), &cell, stride_[0]);
}

void object_store::check_put(const object_cell* cell) const noexcept {
  const pool_state& self = *static_cast<const pool_state*>(this);
  if (!self.is_block(cell, 0)) misuse::put_of_no_block(self, cell, stride_[0]);
}

void object_store::refuse(refusal why) const {
  const pool_state& self = *static_cast<const pool_state*>(this);
  const std::string pool = "cistern: pool \"" + std::string(name()) + "\" of " + std::string(self.type().name);
  if (why == refusal::closed) throw pool_closed(pool + " is closed");
  if (why == refusal::exhausted) throw pool_exhausted(pool + ": all of its " + self.limit_text() + " objects are out");
  throw std::bad_alloc();
}

void object_store::not_yours(const object_cell& cell) const noexcept {
  const pool_state& self = *static_cast<const pool_state*>(this);
  if (!self.is_block(&cell, 0)) misuse::put_of_no_block(self, &cell, stride_[0]);
  if (cell.life == idle_word(&cell)) misuse::put_twice(self, &cell, stride_[0]);
  if (cell.life == 0) misuse::not_out(self, &cell, stride_[0]);
  if (cell.life >> 32 != 0) misuse::has_owners(self, &cell, stride_[0]);
  misuse::stale_handle(self, &cell, stride_[0]);
}

void object_store::record_site(const object_cell& cell, const source_site& from) { sites_->record(&cell, from); }

void pool_state::say_sites(char* line, std::size_t room) noexcept {
  if (sites_ != nullptr) sites_->say(line, room);
}

}  // namespace cistern::inline v0::detail
