// SPDX-License-Identifier: MIT
//
// Design: what is idle goes down one step at each tick: magazines of threads in which nothing has moved since the last
// one, and those that the depot did not need since then, go back into spans; a span without a live block goes to the
// heap, and a chunk without a span to the upstream, at once. So memory is back two ticks after its last use. trim() and
// evict() do all of it for everything that is idle.
#include "pool_state.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>

#include <algorithm>
#include <mutex>

namespace cistern::inline v0::detail {

bool pool_state::age(age_level level) noexcept {
  const bool all = level == age_level::pressure;
  ticks_.fetch_add(1, std::memory_order_relaxed);
  bool idle_left = take_back_from_threads(all);
  dissolve_depots(all);
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
  age(age_level::pressure);
  source_.trim();
}

void pool_state::evict() noexcept {
  take_back_from_threads(true);
  dissolve_depots(true);
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
      take_below_limits(*each, fenced);
      each->lock.unlock();
      left |= !fenced;
    }
    if (each->owner == nullptr && is_empty(*each)) free_cache(*each);
  }
  return left;
}

// Claims the bins in which nothing has moved since the last tick. Whether there is anything to take.
bool pool_state::raise_limits(thread_cache& cache, bool all, bool& left) noexcept {
  bool any = false;
  for_each_step([&](std::size_t step) {
    thread_cache::bin& bin = cache.bins[step];
    const loaded now = of(bin);
    const thread_cache::glimpse seen{now.top, cache.gets[step].load(std::memory_order_relaxed)};
    const bool still = all || (cache.seen[step].top == seen.top && cache.seen[step].gets == seen.gets);
    cache.seen[step] = seen;
    cache.claimed[step] = nullptr;
    stash& own = cache.stashes[step];
    const std::size_t full = own.full.size;
    own.idle = still ? full : std::min(own.fewest, full);
    own.fewest = full - own.idle;
    any = any || own.idle != 0;
    if (now.empty() && cache.spare[step].empty() && full == 0) return;
    left |= !still;
    if (!still) return;
    any = true;
    cache.claimed[step] = now.limit;
    if (!now.empty()) bin.limit.store(now.top, std::memory_order_relaxed);  // [b] before the heavy fence
  });
  return any;
}

void pool_state::take_below_limits(thread_cache& cache, bool fenced) noexcept {
  for_each_step([&](std::size_t step) {
    class_center& to = center(step);
    thread_cache::bin& bin = cache.bins[step];
    stash& own = cache.stashes[step];
    void** const from = cache.claimed[step];
    if (from != nullptr && !fenced) {
      bin.limit.store(from, std::memory_order_relaxed);
      return;
    }
    if (from != nullptr) {
      // The owner may have got what we claimed before it could see that: then its top is lower.
      void** const top = bin.top.load(std::memory_order_acquire);  // [d] pairs with [c]
      void** const end = std::max(from, std::min(bin.limit.load(std::memory_order_relaxed), top));
      to.dissolve({from, end});
      bin.limit.store(end, std::memory_order_relaxed);
      if (cache.spare[step].has_magazine()) dissolve(*magazine::of(cache.spare[step].limit), cache.spare[step], to);
      cache.spare[step] = loaded::nothing();
    }
    magazine_stack idle = own.full.split_oldest(own.idle);
    while (magazine* const gone = idle.pop()) dissolve(*gone, to.of(*gone), to);
  });
}

void pool_state::dissolve(magazine& gone, const loaded& blocks, class_center& to) noexcept {
  to.dissolve(blocks);
  give_empty(gone);
}

bool pool_state::is_empty(const thread_cache& cache) noexcept {
  bool empty = true;
  for_each_step([&](std::size_t step) {
    empty = empty && of(cache.bins[step]).empty() && cache.spare[step].empty() && cache.stashes[step].full.size == 0;
  });
  return empty;
}

void pool_state::dissolve_depots(bool all) noexcept {
  for (std::size_t i = 0; i < class_count(); ++i) {
    class_center& of = centers_[i];
    magazine_stack idle = of.take_idle(all);
    while (magazine* const gone = idle.pop()) {
      if (options_.max_idle_bytes != memory_budget::unlimited)
        idle_bytes_.fetch_sub(gone->stored() * of.geometry().stride, std::memory_order_relaxed);
      dissolve(*gone, of.of(*gone), of);
    }
  }
}

// As the depot's.
void pool_state::shrink_empties(bool all) noexcept {
  magazine_stack idle;
  {
    const std::scoped_lock lock(empties_mutex_);
    idle = empties_.split_oldest(all ? empties_.size : fewest_empties_);
    fewest_empties_ = empties_.size;
  }
  while (magazine* const gone = idle.pop()) magazine_center().give_block(gone);
}

}  // namespace cistern::inline v0::detail
