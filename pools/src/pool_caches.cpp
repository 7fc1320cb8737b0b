// SPDX-License-Identifier: MIT
//
// A thread's cache lives as long as the thread uses the pool; then another thread has it, with what is in it, or a tick
// empties and frees it.
#include "pool_state.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>

#include <mutex>
#include <new>

namespace cistern::inline v0::detail {

thread_cache* pool_state::cache_of_this_thread() noexcept {
  auto* cache = static_cast<thread_cache*>(thread_registry::find(instance_));
  if (cache == nullptr) {
    cache = adopt_or_make();
    if (cache == nullptr) return nullptr;
    if (!thread_registry::attach(instance_, cache)) {  // the thread has ended, or there is no memory
      disown(*cache);
      return nullptr;
    }
  }
  if (id_ != 0) {
    thread_words& words = sync::words();
    words.hot_cache = cache;
    words.hot_pool = id_;
  }
  return cache;
}

thread_cache* pool_state::adopt_or_make() noexcept {
  const std::scoped_lock lock(caches_mutex_);
  if (closed_) return nullptr;
  for (thread_cache* each = caches_; each != nullptr; each = each->next)
    if (each->owner == nullptr) {
      each->owner = &sync::words();
      return each;
    }
  void* const memory = source_.allocate(sizeof(thread_cache), alignof(thread_cache));
  if (memory == nullptr) return nullptr;
  auto* const made = new (memory) thread_cache{};
  for (thread_cache::bin& bin : made->bins) bin.top.store(no_magazine(), std::memory_order_relaxed);
  for (auto& spare : made->spare) spare.store(no_magazine(), std::memory_order_relaxed);
  made->owner = &sync::words();
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
  for (std::size_t i = 0; i < class_count(); ++i) past_gets_[i] += cache.bins[i].gets.load(std::memory_order_relaxed);
  source_.deallocate(&cache, sizeof(thread_cache), alignof(thread_cache));
}

// Fork.

void pool_state::before_fork() noexcept {
  caches_mutex_.lock();
  for (std::size_t i = 0; i <= class_count(); ++i) centers_[i].lock_for_fork();
  empties_mutex_.lock();
  heap_.lock_for_fork();
  large_.lock_for_fork();
}

void pool_state::after_fork() noexcept {
  large_.unlock_after_fork();
  heap_.unlock_after_fork();
  empties_mutex_.unlock();
  for (std::size_t i = class_count() + 1; i-- > 0;) centers_[i].unlock_after_fork();
  caches_mutex_.unlock();
}

// The other threads are not here. What one of them had in hand is lost, and if it was inside its lock, so is what its
// bins hold: they may be half changed.
void pool_state::child_of_fork() noexcept {
  for (thread_cache* each = caches_; each != nullptr; each = each->next) {
    if (each->owner == nullptr || each->owner == &sync::words()) continue;
    if (each->lock.owner_is_inside()) {
      for (thread_cache::bin& bin : each->bins) bin.top.store(no_magazine(), std::memory_order_relaxed);
      for (auto& spare : each->spare) spare.store(no_magazine(), std::memory_order_relaxed);
      lost_at_fork_.fetch_add(1, std::memory_order_relaxed);
    }
    each->lock.abandon();
    each->owner = nullptr;
  }
  waiting_.store(0, std::memory_order_relaxed);
  after_fork();
}

}  // namespace cistern::inline v0::detail
