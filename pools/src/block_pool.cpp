// SPDX-License-Identifier: MIT
//
// Design: the way of a block past what lies ready. A thread holds two magazines of a class, so that it goes to the
// depot once in a magazine's worth of gets or puts at most, wherever it turns. It changes magazines under its cache's
// lock; where the inline code is off (without membarrier, and in a pool that is not the thread's hot one) it does all
// under that lock.
//
// Invariants: I1 a magazine is in one place: a bin, its spare, the depot, the empties, or a thread's hands; I2 limits
// and spares change under the cache's lock only, tops by the owner only; I3 a spare is full or empty, but for what a
// thread left behind.
#include "misuse.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/deadline.hpp>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace cistern::inline v0::detail {

namespace {
constinit magazine nobodys{};
}

void** no_magazine() noexcept { return &nobodys.word[magazine::words]; }

// What the inline code cannot finish.

// Often only because the thread has used another pool in between.
void* block_pool::get_slow(std::size_t step) noexcept {
  pool_state& self = pool_state::of(*this);
  if (self.becomes_hot())
    if (void* const block = try_get(step)) return block;
  return self.get_slow(step);
}

void block_pool::put_slow(void* block, std::size_t step) noexcept {
  pool_state& self = pool_state::of(*this);
  if (self.becomes_hot() && try_push(block, step)) return;
  self.put_slow(block, step);
}

void block_pool::check_block(const void* block, std::size_t step) const noexcept {
  const pool_state& self = pool_state::of(*this);
  if (!self.is_block(block, step)) misuse::put_of_no_block(self, block, stride_[step]);
}

void* block_pool::wake_unusual(void* marked, std::size_t step) const noexcept {
  char* const block = class_center::unmarked(marked);
  if (block == marked) misuse::written_after_put(pool_state::of(*this), block, stride_[step]);
  set_word(block, 1, 0);
  return block;
}

void block_pool::put_twice(const void* block, std::size_t step) const noexcept {
  misuse::put_twice(pool_state::of(*this), block, stride_[step]);
}

bool pool_state::is_block(const void* block, std::size_t step) const noexcept {
  const std::uint64_t tag = block_map::find(block);
  if (block_tag::pool_of(tag) != number_ || step_of(block) == size_step::count) return false;
  if (!same_class(block_tag::step_of(tag), step)) return false;
  const std::uint64_t offset = block_tag::unit_of(tag) << block_map::unit_bits |
                               (reinterpret_cast<std::uintptr_t>(block) & (block_map::unit - 1));
  return offset % stride_[step] == 0 && offset < centers_[class_at_[step]].geometry().blocks * stride_[step];
}

std::size_t pool_state::step_of(const void* block) const noexcept {
  const std::uint64_t tag = block_map::find(block);
  const std::size_t step = block_tag::step_of(tag);
  return block_tag::pool_of(tag) == number_ && step < steps_ ? step : size_step::count;
}

std::size_t pool_state::step_for(std::size_t bytes, std::size_t alignment) const noexcept {
  if (alignment <= alignof(std::max_align_t)) {
    const std::size_t step = size_step::of(bytes);
    if (class_at_[step] < class_count()) return step;
  }
  if (alignment > block_map::unit) return size_step::count;
  std::size_t found = classes_.index_up(std::max(bytes, alignment));
  while (found < class_count() && classes_.size_of(found) % alignment != 0) ++found;
  return found < class_count() ? step_at_[found] : size_step::count;
}

// Getting.

void* pool_state::get_slow(std::size_t step) noexcept {
  if (ended_.load(std::memory_order_relaxed)) misuse::used_after_its_end(*this);
  void* const block = by_policy(
      [](pool_state& self, std::size_t of, std::size_t) noexcept { return self.get_once(of); }, step, 0, true);
  return block != nullptr ? block_pool::wake(block, step) : nullptr;
}

void* pool_state::get_once(std::size_t step) noexcept {
  thread_cache* const cache = cache_of_this_thread();
  return cache != nullptr ? get_cached(*cache, step) : get_uncached(step);
}

void* pool_state::get_cached(thread_cache& cache, std::size_t step) noexcept {
  bool refilled = false;
  void* block = nullptr;
  {
    const std::scoped_lock lock(cache.lock);
    thread_cache::bin& bin = cache.bin_of(step);
    loaded now = of(bin);
    if (now.empty()) {
      cache.shelf_of(step).forget();
      std::swap(now, cache.shelf_of(step).spare);
      if (now.empty()) {
        refilled = true;
        if (!refill(now, cache.shelf_of(step), center(step))) {
          set(bin, now);
          return get_uncached(step);
        }
      }
    }
    block = *--now.top;
    set(bin, now);
    bin.gets.store(bin.gets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  if (refilled) something_is_idle();
  return block;
}

// Both are empty, or have no magazine. False when there is no memory; then `now` is still empty.
bool pool_state::refill(loaded& now, thread_cache::shelf& own, class_center& from) noexcept {
  if (magazine* const full = own.more.full.pop()) {
    own.more.fewest = std::min(own.more.fewest, own.more.full.size);
    if (now.has_magazine()) give_empty(*magazine::of(now.top), from);
    now = from.of(*full);
    return true;
  }
  if (magazine* const full = from.take()) {
    if (now.has_magazine()) give_empty(*magazine::of(now.top), from);
    now = from.of(*full);
    return true;
  }
  if (is_for_objects()) return false;  // in spans there are none
  loaded& any = now.has_magazine() ? now : own.spare;
  magazine* const into = any.has_magazine() ? magazine::of(any.top) : take_empty(from);
  if (into == nullptr) return false;
  any = loaded::nothing();
  now = from.fill(*into);
  return !now.empty();
}

void* pool_state::get_uncached(std::size_t step) noexcept {
  return is_for_objects() ? from_depot() : center(step).take_block();
}

// What `once` gives, tried again as the pool's when_full says; counted when it is nothing in the end.
void* pool_state::by_policy(attempt once, std::size_t what, std::size_t more, bool may_wait) noexcept {
  void* block = once(*this, what, more);
  if (block != nullptr) [[likely]]
    return block;
  if (options_.full != when_full::fail) {
    evict();
    block = once(*this, what, more);
    if (block == nullptr && others_may_give_back()) {
      options_.clock->tick(age_level::pressure);
      block = once(*this, what, more);
    }
  }
  if (block == nullptr && options_.full == when_full::wait && may_wait && !memory_source::in_upstream_call())
    block = wait_for(once, what, more);
  if (block == nullptr) failures_.fetch_add(1, std::memory_order_relaxed);
  return block;
}

// Those that share the budget may have something idle. But not from a pool's upstream call.
bool pool_state::others_may_give_back() const noexcept {
  return source_.has_shared() && options_.clock != nullptr && !memory_source::in_upstream_call();
}

void* pool_state::wait_for(attempt once, std::size_t what, std::size_t more) noexcept {
  const auto deadline = wait_deadline();
  void* block = nullptr;
  waits_.fetch_add(1, std::memory_order_relaxed);
  waiting_.fetch_add(1, std::memory_order_relaxed);
  while (block == nullptr && wait_a_little(deadline)) {
    evict();
    block = once(*this, what, more);
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return block;
}

sync::clock::time_point pool_state::wait_deadline() const noexcept { return deadline_after(options_.max_wait); }

// What is put goes into magazines of threads, which tell nobody: so look again every millisecond at least.
bool pool_state::wait_a_little(sync::clock::time_point deadline) noexcept {
  const auto now = sync::now();
  if (now >= deadline) return false;
  const std::uint32_t seen = came_back_.load(std::memory_order_relaxed);
  sync::park_until(came_back_, seen, std::min(deadline, now + std::chrono::milliseconds(1)));
  return true;
}

// Putting.

void pool_state::put_slow(void* block, std::size_t step) noexcept {
  const share held(*this);
  if (is_for_objects()) return put_object(block);
  if (thread_cache* const cache = cache_of_this_thread())
    put_cached(*cache, block, step);
  else
    put_uncached(block, step);
}

void pool_state::put_cached(thread_cache& cache, void* block, std::size_t step) noexcept {
  bool changed = false;
  {
    const std::scoped_lock lock(cache.lock);
    class_center& to = center(step);
    loaded now = of(cache.bin_of(step));
    if (magazine::full(now.top)) {
      cache.shelf_of(step).forget();
      loaded& spare = cache.shelf_of(step).spare;
      if (now.has_magazine() && now.count() < to.geometry().capacity) {
        // A visitor has taken from below: down to there.
        void** const bottom = magazine::of(now.top)->bottom(to.geometry().capacity);
        now = {bottom, std::copy(now.limit, now.top, bottom)};
      } else if (spare.has_magazine() && spare.empty()) {
        std::swap(now, spare);
        now.limit = now.top = magazine::of(now.top)->bottom(to.geometry().capacity);  // a visitor may have emptied it
      } else {
        changed = true;
        if (limits_idle() && !now.has_magazine() && !spare.has_magazine() && !has_room(to)) give_back_empty(cache);
        flush(now, cache.shelf_of(step), to);
      }
    }
    if (!magazine::full(now.top)) {
      *now.top++ = block;
      block = nullptr;
    }
    set(cache.bin_of(step), now);
  }
  if (block != nullptr) {
    if (is_for_objects()) uncount_idle(1);
    put_uncached(block, step);
  }
  if (changed) something_is_idle();  // the thread may be new to the pool, and nobody awake
  if (has_ended()) evict();          // meanwhile
}

// By the owner, with its lock: magazines that count as room, and have nothing in them. `now` of the step that it works
// on is none.
void pool_state::give_back_empty(thread_cache& own) noexcept {
  for_each_step([&](std::size_t step) {
    thread_cache::bin& bin = own.bin_of(step);
    if (const loaded lies = of(bin); lies.empty() && lies.has_magazine()) {
      set(bin, loaded::nothing());
      give_empty(*magazine::of(lies.top), center(step));
    }
    loaded& spare = own.shelf_of(step).spare;
    if (spare.empty() && spare.has_magazine())
      give_empty(*magazine::of(std::exchange(spare, loaded::nothing()).top), center(step));
  });
}

// Both are full, or have no magazine. Afterwards `now` is empty, or there is no memory for a magazine: then it is as it
// was, or has none.
void pool_state::flush(loaded& now, thread_cache::shelf& own, class_center& to) noexcept {
  loaded& spare = own.spare;
  magazine* into = take_empty(to);
  if (into == nullptr && is_for_objects()) return;
  const bool keeps = into != nullptr && own.more.full.size < to.geometry().stashed && !limits_idle();
  if (spare.has_magazine()) {
    magazine* const full = magazine::of(spare.top);
    if (into == nullptr) {  // no room for another one: this one's blocks go to their spans
      to.dissolve(spare);
      into = full;
    } else if (keeps) {
      full->set_stored(spare.count());
      own.more.full.push(full);
    } else {
      give_to_depot(*full, spare, to);
    }
    spare = loaded::nothing();
  }
  if (now.has_magazine()) spare = now;
  now = loaded::nothing();
  if (into != nullptr) now.limit = now.top = into->bottom(to.geometry().capacity);
}

void pool_state::put_uncached(void* block, std::size_t step) noexcept {
  if (is_for_objects()) return destroy_object(*static_cast<object_cell*>(block));
  center(step).give_block(block);
}

void pool_state::give_to_depot(magazine& with, const loaded& blocks, class_center& to) noexcept {
  with.set_stored(blocks.count());
  to.give(&with);
  tell_waiters();
}

void pool_state::tell_waiters() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  came_back_.fetch_add(1, std::memory_order_relaxed);
  sync::unpark_one(came_back_);
}

bool pool_state::has_room(const class_center& for_blocks) const noexcept {
  return idle_bytes_.load(std::memory_order_relaxed) + for_blocks.geometry().room() <= options_.max_idle_bytes;
}

bool pool_state::count_room(const class_center& of_blocks) noexcept {
  if (!limits_idle()) return true;
  const std::size_t room = of_blocks.geometry().room();
  if (idle_bytes_.fetch_add(room, std::memory_order_relaxed) + room <= options_.max_idle_bytes) return true;
  idle_bytes_.fetch_sub(room, std::memory_order_relaxed);
  return false;
}

void pool_state::uncount_room(const class_center& of_blocks) noexcept {
  if (!limits_idle()) return;
  idle_bytes_.fetch_sub(of_blocks.geometry().room(), std::memory_order_relaxed);
}

magazine* pool_state::take_empty(class_center& for_blocks) noexcept {
  if (!count_room(for_blocks)) return nullptr;
  {
    const std::scoped_lock lock(empties_mutex_);
    magazine* const taken = empties_.pop();
    fewest_empties_ = std::min(fewest_empties_, empties_.size);
    if (taken != nullptr) return taken;
  }
  if (void* const made = magazine_center().take_block())
    return reinterpret_cast<magazine*>(class_center::unmarked(made));
  uncount_room(for_blocks);
  return nullptr;
}

void pool_state::free_magazine(magazine& gone, class_center& of_blocks) noexcept {
  uncount_room(of_blocks);
  magazine_center().give_block(&gone);
}

void pool_state::give_empty(magazine& gone, class_center& of_blocks) noexcept {
  uncount_room(of_blocks);
  const std::scoped_lock lock(empties_mutex_);
  empties_.push(&gone);
}

loaded pool_state::of(const thread_cache::bin& bin) noexcept {
  return {bin.limit.load(std::memory_order_relaxed), bin.top.load(std::memory_order_relaxed)};
}

void pool_state::set(thread_cache::bin& bin, const loaded& to) noexcept {
  bin.limit.store(to.limit, std::memory_order_relaxed);
  bin.top.store(to.top, std::memory_order_release);  // [c] pairs with [d] of visits
}

void pool_state::something_is_idle() noexcept {
  if (options_.background) background_reclaimer::wake();
}

}  // namespace cistern::inline v0::detail
