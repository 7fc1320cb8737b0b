// SPDX-License-Identifier: MIT
//
// Design: what is idle goes down one step at each tick: magazines of threads in which nothing has moved since the last
// one, and those that the depot did not need since then, go back into spans; a span without a live block goes to the
// heap, and a chunk without a span to the upstream, at once. So memory is back two ticks after its last use. trim() and
// evict() do all of it for everything that is idle.
//
// In a pool of objects that age one by one, all magazines are visited, and only what was put two ticks ago leaves them.
#include "pool_state.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>

#include <algorithm>
#include <mutex>

namespace cistern::inline v0::detail {

bool pool_state::age(age_level level) noexcept {
  const bool all = level == age_level::pressure || objects_.closed.load(std::memory_order_relaxed);
  ticks_.fetch_add(1, std::memory_order_relaxed);
  now_.store(static_cast<std::uint16_t>(now() + 1), std::memory_order_relaxed);
  bool idle_left = take_back_from_threads(all);
  idle_left |= dissolve_depots(all);
  drop_leaving(all ? 0 : objects_.min_idle);
  shrink_empties(all);
  for (std::size_t i = 0; i < class_count(); ++i) {
    centers_[i].return_pages(all);
    idle_left |= centers_[i].has_idle();
  }
  return idle_left || puts_may_come();
}

// Blocks that are out may be put into magazines that threads have, which nobody hears of: so the clock goes on for
// them.
bool pool_state::puts_may_come() noexcept {
  {
    const std::scoped_lock lock(caches_mutex_);
    if (caches_ == nullptr) return false;
  }
  return live_blocks() != 0;
}

void pool_state::trim() noexcept {
  empty_quarantine();
  age(age_level::pressure);
  source_.trim();
}

void pool_state::evict() noexcept {
  empty_quarantine();
  take_back_from_threads(true);
  dissolve_depots(true);
  drop_leaving(0);
  if (is_for_objects()) center(0).give_kept_span();
  shrink_empties(true);
}

// True when something of theirs is left, that a later tick may take.
//
// An owner goes on getting and putting meanwhile. It is in the way only where it comes to the limit that a visit has
// raised: then it waits for the cache's lock.
bool pool_state::take_back_from_threads(bool all) noexcept {
  const std::scoped_lock lock(caches_mutex_);
  bool left = false, any = false;
  for (thread_cache* each = caches_; each != nullptr; each = each->next) {
    each->lock.lock();
    each->visited = raise_limits(*each, all, left);
    if (each->visited)
      any = true;
    else
      each->lock.unlock();
  }
  const bool fenced = !any || !light_ || asymmetric_fence::heavy_fence();  // one for all of them
  for (thread_cache *each = caches_, *next = nullptr; each != nullptr; each = next) {
    next = each->next;
    if (each->visited) {
      if (fenced)
        left |= take_below_limits(*each, all);
      else
        for_each_step([each](std::size_t step) { unclaim(each->bin_of(step)); });
      each->lock.unlock();
      left |= !fenced;
    }
    if (each->owner == nullptr && is_empty(*each) && !has_ended()) free_cache(*each);
  }
  return left;
}

// Claims the bins in which nothing has moved since the last tick. Whether there is anything to take.
bool pool_state::raise_limits(thread_cache& cache, bool all, bool& left) noexcept {
  bool any = false;
  for_each_step([&](std::size_t step) {
    thread_cache::bin& bin = cache.bin_of(step);
    thread_cache::shelf& shelf = cache.shelf_of(step);
    const loaded now = of(bin);
    const std::uint64_t gets = bin.gets.load(std::memory_order_relaxed);
    const bool still =
        all || objects_.by_each || is_rare(center(step)) || (shelf.seen.top == now.top && shelf.seen.gets == gets);
    shelf.seen = {now.top, gets};
    bin.claimed = nullptr;
    stash& own = shelf.more;
    const std::size_t full = own.full.size;
    own.idle = still ? full : std::min(own.fewest, full);
    own.fewest = full - own.idle;
    any = any || own.idle != 0;
    if (now.empty() && shelf.spare.empty() && full == 0) return;
    left |= !still;
    if (!still) return;
    any = true;
    bin.claimed = now.limit;
    if (!now.empty()) bin.limit.store(now.top, std::memory_order_relaxed);  // [b] before the heavy fence
  });
  return any;
}

void pool_state::unclaim(thread_cache::bin& bin) noexcept {
  if (bin.claimed != nullptr) bin.limit.store(bin.claimed, std::memory_order_relaxed);
}

// True when something is left that was claimed.
bool pool_state::take_below_limits(thread_cache& cache, bool all) noexcept {
  bool left = false;
  for_each_step([&](std::size_t step) {
    class_center& to = center(step);
    thread_cache::bin& bin = cache.bin_of(step);
    thread_cache::shelf& shelf = cache.shelf_of(step);
    if (bin.claimed != nullptr) {
      left |= take_bin(bin, to, all);
      if (shelf.spare.has_magazine()) {
        magazine& of = *magazine::of(shelf.spare.limit);
        const bool some = dissolve(of, shelf.spare, to, all);
        shelf.spare = some ? to.of(of) : loaded::nothing();
        left |= some;
      }
    }
    magazine_stack idle = shelf.more.full.split_oldest(shelf.more.idle), kept;
    while (magazine* const gone = idle.pop())
      if (dissolve(*gone, to.of(*gone), to, all)) kept.push(gone);
    left |= kept.size != 0;
    while (magazine* const one = kept.pop()) shelf.more.full.push(one);
  });
  return left;
}

bool pool_state::take_bin(thread_cache::bin& bin, class_center& to, bool all) noexcept {
  void** const from = bin.claimed;
  // The owner may have got what we claimed before it could see that: then its top is lower.
  void** const top = bin.top.load(std::memory_order_acquire);  // [d] pairs with [c]
  void** end = std::max(from, std::min(bin.limit.load(std::memory_order_relaxed), top));
  void** const claimed_end = end;
  if (!is_for_objects()) {
    to.dissolve({from, end});
  } else {
    end = end_of_stale(from, end, all);
    magazine* const into = end != from ? take_empty(to) : nullptr;
    if (into != nullptr)
      leave(*into, {from, end});
    else
      end = from;
  }
  bin.limit.store(end, std::memory_order_relaxed);
  return end != claimed_end;
}

// Of a magazine that is in no bin. True when some of its blocks stay: then they are stored in it; else the magazine is
// gone.
bool pool_state::dissolve(magazine& gone, const loaded& blocks, class_center& to, bool all) noexcept {
  if (!is_for_objects()) {
    to.dissolve(blocks);
    free_magazine(gone, to);
    return false;
  }
  void** const end = end_of_stale(blocks.limit, blocks.top, all);
  if (end == blocks.top) {
    if (blocks.empty())
      free_magazine(gone, to);
    else
      leave(gone, blocks);
    return false;
  }
  magazine* const into = end != blocks.limit ? take_empty(to) : nullptr;
  void** from = blocks.limit;
  if (into != nullptr) {
    leave(*into, {from, end});
    from = end;
  }
  void** const bottom = gone.bottom(to.geometry().capacity);
  gone.set_stored(static_cast<std::size_t>(std::copy(from, blocks.top, bottom) - bottom));
  return true;
}

bool pool_state::is_empty(thread_cache& cache) noexcept {
  bool empty = true;
  for_each_step([&](std::size_t step) {
    thread_cache::shelf& shelf = cache.shelf_of(step);
    empty = empty && of(cache.bin_of(step)).empty() && shelf.spare.empty() && shelf.more.full.size == 0;
  });
  return empty;
}

// True when something is left that a later tick may take; of blocks, the classes' has_idle() tells.
bool pool_state::dissolve_depots(bool all) noexcept {
  const std::scoped_lock lock(caches_mutex_);  // a fork waits for magazines that are in nobody's list
  bool left = false;
  for (std::size_t i = 0; i < class_count(); ++i) {
    class_center& of = centers_[i];
    magazine_stack idle = of.take_idle(all || objects_.by_each || is_rare(of)), kept;
    while (magazine* const gone = idle.pop()) {
      if (dissolve(*gone, of.of(*gone), of, all)) kept.push(gone);
    }
    left |= kept.size != 0;
    while (magazine* const one = kept.pop()) of.give_back(one);
  }
  return left;
}

// As the depot's.
void pool_state::shrink_empties(bool all) noexcept {
  const std::scoped_lock no_fork(caches_mutex_);
  magazine_stack idle;
  {
    const std::scoped_lock lock(empties_mutex_);
    idle = empties_.split_oldest(all ? empties_.size : fewest_empties_);
    fewest_empties_ = empties_.size;
  }
  while (magazine* const gone = idle.pop()) magazine_center().give_block(gone);
}

}  // namespace cistern::inline v0::detail
