// SPDX-License-Identifier: MIT
//
// Design: the way of a block past this thread's magazines. A thread holds two of a class, so that it goes to the depot
// once in a magazine's worth of gets or puts at most, wherever it turns. What it takes out of its bins under its lock it
// owns, and it goes to the depot with no lock held; meanwhile the bin has no magazine, and nobody but the thread gives
// it one.
//
// Invariants: I1 a magazine is in one place: a bin's top, its spare, the depot, the empties, or a thread's hands;
// I2 only a cache's owner puts a magazine into it; visitors only take.
#include "misuse.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/background_reclaimer.hpp>

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

void* block_pool::get_slow(std::size_t size_class) noexcept { return pool_state::of(*this).get_slow(size_class); }

void block_pool::put_slow(void* block, std::size_t size_class) noexcept {
  pool_state::of(*this).put_slow(block, size_class);
}

void block_pool::check_block(const void* block, std::size_t size_class) const noexcept {
  const pool_state& self = pool_state::of(*this);
  if (!self.is_block(block, size_class)) misuse::put_of_no_block(self, block, stride_[size_class]);
}

void* block_pool::wake_unusual(void* marked, std::size_t size_class) const noexcept {
  char* const block = class_center::unmarked(marked);
  if (block == marked) misuse::written_after_put(pool_state::of(*this), block, stride_[size_class]);
  set_first_word(block, 0);
  return block;
}

void block_pool::put_twice(const void* block, std::size_t size_class) const noexcept {
  misuse::put_twice(pool_state::of(*this), block, stride_[size_class]);
}

bool pool_state::is_block(const void* block, std::size_t size_class) const noexcept {
  const std::uint64_t tag = block_map::find(block), first = facts_[size_class].tag;
  if (first == 0 || tag >> 16 != first >> 16) return false;
  const std::uint64_t offset = block_tag::unit_of(tag) << block_map::unit_bits |
                               (reinterpret_cast<std::uintptr_t>(block) & (block_map::unit - 1));
  return offset * facts_[size_class].magic < facts_[size_class].magic;
}

std::size_t pool_state::class_of(const void* block) const noexcept {
  const std::uint64_t tag = block_map::find(block);
  return tag != 0 && block_tag::pool_of(tag) == number_ ? block_tag::class_of(tag) : class_count();
}

std::size_t pool_state::plain_class_of_any(const void* block) const noexcept {
  const std::size_t size_class = class_of(block);
  return plain_pool_ == number_ && size_class != class_count() ? size_class : thread_cache::too_large;
}

std::size_t pool_state::class_for(std::size_t bytes, std::size_t alignment) const noexcept {
  if (alignment > block_map::unit) return class_count();
  std::size_t found = classes_.index_up(std::max(bytes, alignment));
  while (found < class_count() && stride_[found] % alignment != 0) ++found;
  return found;
}

// Getting.

void* pool_state::get_slow(std::size_t size_class) noexcept {
  if (size_class >= class_count()) return nullptr;
  if (blocks_out_.load(std::memory_order_relaxed) != 0) misuse::used_after_its_end(this);
  void* block = get_once(size_class);
  if (block == nullptr && options_.full != when_full::fail) block = get_when_full(size_class);
  if (block == nullptr) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  return wake(block, size_class);
}

void* pool_state::get_once(std::size_t size_class) noexcept {
  thread_cache* const cache = cache_of_this_thread();
  return cache != nullptr ? get_cached(*cache, size_class) : get_uncached(size_class);
}

void* pool_state::get_cached(thread_cache& cache, std::size_t size_class) noexcept {
  thread_cache::bin& bin = cache.bins[size_class];
  cache.lock.lock(light_);
  void** top = bin.top.load(std::memory_order_relaxed);
  if (magazine::empty(top)) {
    void** const other = cache.spare[size_class].load(std::memory_order_relaxed);
    cache.spare[size_class].store(top, std::memory_order_relaxed);
    bin.top.store(top = other, std::memory_order_relaxed);
  }
  if (magazine::empty(top)) {
    void** const empty = std::exchange(top, no_magazine());
    bin.top.store(top, std::memory_order_relaxed);
    cache.lock.unlock();
    return refill(cache, size_class, empty);
  }
  void* const block = top[-1];
  bin.top.store(top - 1, std::memory_order_relaxed);
  bin.gets.store(bin.gets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  cache.lock.unlock();
  return block;
}

// A block, and a magazine with more for the bin. `empty` is the top of an empty magazine, or no_magazine().
void* pool_state::refill(thread_cache& cache, std::size_t size_class, void** empty) noexcept {
  class_center& from = center(size_class);
  void** top = no_magazine();
  if (magazine* const full = from.take()) {
    if (options_.max_idle_bytes != memory_budget::unlimited)
      idle_bytes_.fetch_sub(full->stored() * stride_[size_class], std::memory_order_relaxed);
    give_empty(empty);
    top = full->begin(from.geometry().capacity) + full->stored();
  } else {
    magazine* const into = empty != no_magazine() ? magazine::of(empty) : take_empty();
    if (into == nullptr) return get_uncached(size_class);
    top = from.fill(*into);
    if (magazine::empty(top)) {
      give_empty(top);
      return nullptr;
    }
  }
  void* const block = *--top;
  thread_cache::bin& bin = cache.bins[size_class];
  cache.lock.lock(light_);
  bin.top.store(top, std::memory_order_relaxed);
  bin.gets.store(bin.gets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  cache.lock.unlock();
  something_is_idle();
  return block;
}

void* pool_state::get_uncached(std::size_t size_class) noexcept {
  return center(size_class).take_block();
}

void* pool_state::get_when_full(std::size_t size_class) noexcept {
  evict();
  void* block = get_once(size_class);
  if (block == nullptr && source_.has_shared() && options_.clock != nullptr) {
    options_.clock->tick(age_level::pressure);  // others that share the budget may have something idle
    block = get_once(size_class);
  }
  if (block != nullptr || options_.full != when_full::wait) return block;
  waits_.fetch_add(1, std::memory_order_relaxed);
  const auto deadline = sync::now() + options_.max_wait;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  while (block == nullptr && wait_a_little(deadline)) {
    evict();
    block = get_once(size_class);
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return block;
}

// What is put goes into magazines of threads, which tell nobody: so look again every millisecond at least.
bool pool_state::wait_a_little(sync::clock::time_point deadline) noexcept {
  const auto now = sync::now();
  if (now >= deadline) return false;
  const std::uint32_t seen = came_back_.load(std::memory_order_relaxed);
  sync::park_until(came_back_, seen, std::min(deadline, now + std::chrono::milliseconds(1)));
  return true;
}

// Putting.

void pool_state::put_slow(void* block, std::size_t size_class) noexcept {
  thread_cache* const cache = cache_of_this_thread();
  if (cache != nullptr)
    put_cached(*cache, block, size_class);
  else
    put_uncached(block, size_class);
}

void pool_state::put_cached(thread_cache& cache, void* block, std::size_t size_class) noexcept {
  thread_cache::bin& bin = cache.bins[size_class];
  const std::size_t capacity = center(size_class).geometry().capacity;
  void** give = no_magazine();
  cache.lock.lock(light_);
  void** top = bin.top.load(std::memory_order_relaxed);
  void** spare = cache.spare[size_class].load(std::memory_order_relaxed);
  if (magazine::full(top) && !magazine::full(spare)) {
    std::swap(top, spare);
    cache.spare[size_class].store(spare, std::memory_order_relaxed);
  }
  if (!magazine::full(top)) {
    *top = block;
    bin.top.store(top + 1, std::memory_order_relaxed);
    cache.lock.unlock();
    return;
  }
  if (top != no_magazine()) {
    give = spare;
    cache.spare[size_class].store(top, std::memory_order_relaxed);
  }
  bin.top.store(no_magazine(), std::memory_order_relaxed);
  cache.lock.unlock();

  magazine* into = take_empty();
  if (give != no_magazine()) {
    magazine* const given = magazine::of(give);
    if (into == nullptr) {  // no memory for another one: this one's blocks go to their spans
      center(size_class).dissolve(give);
      into = given;
    } else {
      give_to_depot(*given, give, size_class);
    }
  }
  if (into == nullptr) return put_uncached(block, size_class);
  top = into->begin(capacity);
  *top++ = block;
  cache.lock.lock(light_);
  bin.top.store(top, std::memory_order_relaxed);
  cache.lock.unlock();
  something_is_idle();
}

void pool_state::put_uncached(void* block, std::size_t size_class) noexcept {
  center(size_class).give_block(block);
  gone_after_end();
}

// A pool that has ended goes with the last of its blocks.
void pool_state::gone_after_end() noexcept {
  if (blocks_out_.load(std::memory_order_relaxed) != 0 &&
      blocks_out_.fetch_sub(1, std::memory_order_acq_rel) == 1)  // pairs with itself: the other puts happen before
    destroy();
}

void pool_state::give_to_depot(magazine& with, void** top, std::size_t size_class) noexcept {
  const std::size_t count = with.count(top, center(size_class).geometry().capacity);
  const std::size_t bytes = count * stride_[size_class];
  if (options_.max_idle_bytes != memory_budget::unlimited &&
      idle_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > options_.max_idle_bytes) {
    idle_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    center(size_class).dissolve(top);
    give_empty(with.begin(magazine::most));
  } else {
    with.set_stored(count);
    center(size_class).give(&with);
  }
  if (waiting_.load(std::memory_order_relaxed) != 0) {
    came_back_.fetch_add(1, std::memory_order_relaxed);
    sync::unpark_one(came_back_);
  }
}

magazine* pool_state::take_empty() noexcept {
  {
    const std::scoped_lock lock(empties_mutex_);
    magazine* const taken = empties_.pop();
    fewest_empties_ = std::min(fewest_empties_, empties_.size);
    if (taken != nullptr) return taken;
  }
  void* const made = magazine_center().take_block();
  return made != nullptr ? reinterpret_cast<magazine*>(class_center::unmarked(made)) : nullptr;
}

void pool_state::give_empty(void** top) noexcept {
  if (top == no_magazine()) return;
  const std::scoped_lock lock(empties_mutex_);
  empties_.push(magazine::of(top));
}

void pool_state::something_is_idle() noexcept {
  if (options_.background) background_reclaimer::wake();
}

}  // namespace cistern::inline v0::detail
