// SPDX-License-Identifier: MIT
//
// A thread's cache lives as long as the thread uses the pool; then another thread has it, with what is in it, or a tick
// empties and frees it.
#include "object_sites.hpp"
#include "pool_state.hpp"

#include <mutex>
#include <new>

namespace cistern::inline v0::detail {

bool pool_state::becomes_hot() noexcept {
  thread_words& words = sync::words();
  const std::uint64_t id = id_.load(std::memory_order_relaxed);
  if (id == nobodys || words.hot_pool == id) return false;
  void* const cache = thread_registry::find(instance_);
  if (cache == nullptr) return false;
  words.hot_cache = cache;
  words.hot_pool = id;
  return true;
}

thread_cache* pool_state::cache_of_this_thread() noexcept {
  // Then the caches are gone, and threads' words may still lead to them.
  if (ended_.load(std::memory_order_relaxed)) return nullptr;
  auto* cache = static_cast<thread_cache*>(thread_registry::find(instance_));
  if (cache == nullptr) {
    cache = adopt_or_make();
    if (cache == nullptr) return nullptr;
    if (!thread_registry::attach(instance_, cache)) {  // the thread has ended, or there is no memory
      disown(*cache);
      return nullptr;
    }
  }
  if (const std::uint64_t id = id_.load(std::memory_order_relaxed); id != nobodys) {
    thread_words& words = sync::words();
    words.hot_cache = cache;
    words.hot_pool = id;
  }
  return cache;
}

thread_cache* pool_state::adopt_or_make() noexcept {
  const std::scoped_lock lock(caches_mutex_);
  for (thread_cache* each = caches_; each != nullptr; each = each->next)
    if (each->owner == nullptr) {
      each->owner = &sync::words();
      return each;
    }
  void* const memory = source_.allocate(thread_cache::bytes_for(bins_, steps_), alignof(thread_cache));
  if (memory == nullptr) return nullptr;
  auto* const made = new (memory) thread_cache;
  for (std::size_t step = 0; step < bins_; ++step) {
    auto* const bin = new (&made->bin_of(step)) thread_cache::bin;
    set(*bin, loaded::nothing());
    bin->gets.store(0, std::memory_order_relaxed);
  }
  made->shelves = reinterpret_cast<thread_cache::shelf*>(&made->bin_of(bins_));
  for (std::size_t step = 0; step < steps_; ++step)
    new (&made->shelf_of(step)) thread_cache::shelf{.spare = loaded::nothing(), .more = {}, .seen = {}};
  made->owner = &sync::words();
  made->skipped_looks = 0;
  list(*made);
  return made;
}

void pool_state::on_thread_exit(void* self, void* value) noexcept {
  auto& pool = *static_cast<pool_state*>(self);
  thread_words& words = sync::words();
  if (words.hot_cache == value) words.hot_pool = 0;
  pool.disown(*static_cast<thread_cache*>(value));
}

void pool_state::disown(thread_cache& cache) noexcept {
  {
    const std::scoped_lock lock(caches_mutex_);
    cache.owner = nullptr;
  }
  something_is_idle();
}

void pool_state::list(thread_cache& cache) noexcept {
  cache.previous = nullptr;
  cache.next = caches_;
  if (caches_ != nullptr) caches_->previous = &cache;
  caches_ = &cache;
}

void pool_state::unlist(thread_cache& cache) noexcept {
  (cache.previous != nullptr ? cache.previous->next : caches_) = cache.next;
  if (cache.next != nullptr) cache.next->previous = cache.previous;
}

void pool_state::free_cache(thread_cache& cache) noexcept {
  unlist(cache);
  for_each_step([&](std::size_t step) {
    past_gets_[class_at_[step]] += cache.bin_of(step).gets.load(std::memory_order_relaxed);
    for (const loaded& each : {of(cache.bin_of(step)), cache.shelf_of(step).spare})
      if (each.has_magazine()) give_empty(*magazine::of(each.limit), center(step));
  });
  source_.deallocate(&cache, thread_cache::bytes_for(bins_, steps_), alignof(thread_cache));
}

// Fork.

void pool_state::before_fork() noexcept {
  caches_mutex_.lock();
  for (thread_cache* each = caches_; each != nullptr; each = each->next) each->lock.lock();
  for (std::size_t i = 0; i <= class_count(); ++i) centers_[i].lock_for_fork();
  empties_mutex_.lock();
  heap_.lock_for_fork();
  magazine_heap_.lock_for_fork();
  large_.lock_for_fork();
  guarded_.lock.lock();
  if (quarantine_ != nullptr) quarantine_->lock.lock();
  if (sites_ != nullptr) sites_->lock_for_fork();
}

void pool_state::after_fork() noexcept {
  if (sites_ != nullptr) sites_->unlock_after_fork();
  if (quarantine_ != nullptr) quarantine_->lock.unlock();
  guarded_.lock.unlock();
  large_.unlock_after_fork();
  magazine_heap_.unlock_after_fork();
  heap_.unlock_after_fork();
  empties_mutex_.unlock();
  for (std::size_t i = class_count() + 1; i-- > 0;) centers_[i].unlock_after_fork();
  for (thread_cache* each = caches_; each != nullptr; each = each->next) each->lock.unlock();
  caches_mutex_.unlock();
}

// The other threads are not here: others may have their caches. One that was in a get or a put may have taken its block
// along, no more: tops change in one store, and all else under locks.
void pool_state::child_of_fork() noexcept {
  for (thread_cache* each = caches_; each != nullptr; each = each->next) {
    if (each->owner == &sync::words()) continue;
    each->owner = nullptr;
    // A get that was about to find nothing, and to put its top right.
    for_each_step([each](std::size_t step) {
      thread_cache::bin& bin = each->bin_of(step);
      void** const limit = bin.limit.load(std::memory_order_relaxed);
      if (bin.top.load(std::memory_order_relaxed) < limit) bin.top.store(limit, std::memory_order_relaxed);
    });
  }
  waiting_.store(0, std::memory_order_relaxed);
  objects_.waiting = 0;
  shares_.store(0, std::memory_order_relaxed);  // this thread's, too, if it forks in a put: then the pool never goes
  // What another thread was about to destroy is lost; what waits for that is not.
  objects_.moving.store(0, std::memory_order_relaxed);
  for (const magazine* each = objects_.leaving.first; each != nullptr; each = each->next())
    objects_.moving.fetch_add(each->stored(), std::memory_order_relaxed);
  if (light_ && is_plain() && has_inline_path() && !ended_.load(std::memory_order_relaxed))
    id_.store(instance_.number(), std::memory_order_relaxed);
  after_fork();
}

}  // namespace cistern::inline v0::detail
