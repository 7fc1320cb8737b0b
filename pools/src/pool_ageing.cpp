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
  return idle_left;
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

// True when something of theirs is left, that a later tick may take. Owners wait while their cache is visited, so only
// those are in which something is idle, and blocks go to their spans after that.
bool pool_state::take_back_from_threads(bool all) noexcept {
  magazine_stack taken;
  bool left = false, any = false;
  {
    const std::scoped_lock lock(caches_mutex_);
    for (thread_cache* each = caches_; each != nullptr; each = each->next) {
      each->visited = look_at(*each, all, left);
      if (each->visited) each->lock.announce();
      any |= each->visited;
    }
    const bool fenced = any && asymmetric_fence::heavy_fence();  // one for all of them
    for (thread_cache *each = caches_, *next = nullptr; each != nullptr; each = next) {
      next = each->next;
      if (each->visited) {
        constexpr int patience = 128;  // an owner that is inside stays some nanoseconds
        if (fenced && each->lock.try_enter(patience))
          take_back(*each, all, taken);
        else
          left = true;
        each->lock.leave();
      }
      if (each->owner == nullptr && is_empty(*each)) free_cache(*each);
    }
  }
  dissolve_all(taken);
  return left;
}

// Whether there is something to take. What has moved since the last tick is seen, and left.
bool pool_state::look_at(thread_cache& cache, bool all, bool& left) noexcept {
  bool idle = false;
  for (std::size_t i = 0; i < class_count(); ++i) {
    const bool something = cache.bins[i].top.load(std::memory_order_relaxed) != no_magazine() ||
                           cache.spare[i].load(std::memory_order_relaxed) != no_magazine();
    if (something && (all || is_still(cache, i)))
      idle = true;
    else
      left |= something;
  }
  if (!idle) take_notice(cache);
  return idle;
}

bool pool_state::is_still(const thread_cache& cache, std::size_t size_class) noexcept {
  return cache.seen[size_class] == cache.bins[size_class].top.load(std::memory_order_relaxed);
}

bool pool_state::is_empty(const thread_cache& cache) noexcept {
  for (std::size_t i = 0; i < size_class_table::max_count; ++i)
    if (cache.bins[i].top.load(std::memory_order_relaxed) != no_magazine() ||
        cache.spare[i].load(std::memory_order_relaxed) != no_magazine())
      return false;
  return true;
}

void pool_state::take_notice(thread_cache& cache) noexcept {
  for (std::size_t i = 0; i < class_count(); ++i) cache.seen[i] = cache.bins[i].top.load(std::memory_order_relaxed);
}

// Inside the cache's lock.
void pool_state::take_back(thread_cache& cache, bool all, magazine_stack& taken) noexcept {
  for (std::size_t i = 0; i < class_count(); ++i) {
    if (!all && !is_still(cache, i)) continue;
    take_top(cache.bins[i].top, i, taken);
    take_top(cache.spare[i], i, taken);
  }
  take_notice(cache);
}

// Magazines on their way to their spans keep their top where others keep their count.
void pool_state::take_top(sync::atomic<void**>& from, std::size_t size_class, magazine_stack& taken) noexcept {
  void** const top = from.load(std::memory_order_relaxed);
  if (top == no_magazine()) return;
  magazine* const gone = magazine::of(top);
  gone->set_stored(gone->count(top, center(size_class).geometry().capacity) * size_class_table::max_count + size_class);
  taken.push(gone);
  from.store(no_magazine(), std::memory_order_relaxed);
}

void pool_state::dissolve_all(magazine_stack& taken) noexcept {
  while (magazine* const gone = taken.pop()) {
    const std::size_t size_class = gone->stored() % size_class_table::max_count;
    const std::size_t count = gone->stored() / size_class_table::max_count;
    class_center& to = center(size_class);
    to.dissolve(gone->begin(to.geometry().capacity) + count);
    give_empty(gone->begin(magazine::most));
  }
}

void pool_state::dissolve_depots(bool all) noexcept {
  for (std::size_t i = 0; i < class_count(); ++i) {
    class_center& of = center(i);
    magazine_stack idle = of.take_idle(all);
    while (magazine* const gone = idle.pop()) {
      if (options_.max_idle_bytes != memory_budget::unlimited)
        idle_bytes_.fetch_sub(gone->stored() * stride_[i], std::memory_order_relaxed);
      of.dissolve(gone->begin(of.geometry().capacity) + gone->stored());
      give_empty(gone->begin(magazine::most));
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
