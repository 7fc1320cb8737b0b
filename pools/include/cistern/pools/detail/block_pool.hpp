// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/poison.hpp>
#include <cistern/allocators/size_classes.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/detail/block_map.hpp>
#include <cistern/pools/detail/magazine.hpp>
#include <cistern/pools/detail/thread_cache.hpp>

#include <cstddef>
#include <cstdint>

/// Whether gets and puts are checked (see block_pool). The same for all code of a program; the build of the library
/// says which (CISTERN_POOL_CHECKS).
#ifndef CISTERN_POOL_CHECKS
#define CISTERN_POOL_CHECKS 1
#endif

namespace cistern::inline v0::detail {

inline constexpr bool pool_checks = CISTERN_POOL_CHECKS != 0;

class pool_state;

/// Where the blocks of a span begin: at the multiples of their stride, as many as there are.
///
/// With m a little more than 2^64 / stride, a multiple k * stride times m is k * (m * stride - 2^64) modulo 2^64, a
/// small number that grows with k; any other number times m is at least m (the divisibility test of Lemire, Kaser and
/// Kurz, "Faster remainder by direct computation", with m never exact, so that it bounds k, too).
struct block_starts {
  std::uint64_t multiplier;
  std::uint64_t end;

  static constexpr block_starts of(std::uint64_t stride, std::uint64_t blocks) noexcept {
    const std::uint64_t multiplier = (0 - stride) / stride + 2;  // floor(2^64 / stride) + 1
    return {multiplier, blocks * (multiplier * stride)};
  }
  /// Whether one begins so far into the first 64 KiB of the span.
  constexpr bool begin_at(std::uint64_t offset) const noexcept { return offset * multiplier < end; }
  bool begin_at(const void* block) const noexcept {
    return begin_at(reinterpret_cast<std::uintptr_t>(block) & (block_map::unit - 1));
  }
};

/// The mechanism under every pool: blocks of some size classes, kept in magazines of threads, in a depot that they
/// share, and in spans that come from a backend. The design note is pools/block_pool.md.
///
/// This is its face, with the way of a block that lies ready: inline, no call. Everything else is pool_state, in src.
///
/// Checked at each put, also in release: that the block is one of this pool, of this class and no pointer into one
/// (by the block_map and a multiplication), and that it is not idle already; at each get: that nobody has written to
/// the block's first 16 bytes meanwhile. An idle block holds a word that no live one does, by chance 1 in 2^64, until
/// its page goes back to the system.
///
/// Threads: get and put from any. Memory ordering: what happened before a put happens before what follows the get that
/// hands the block out next.
class block_pool {
 public:
  block_pool(const block_pool&) = delete;
  block_pool& operator=(const block_pool&) = delete;

  /// A block that lies ready in this thread's magazine, or nullptr. `step` is a size_step.
  [[gnu::always_inline]] void* try_get(std::size_t step) noexcept {
    void* const block = try_pop(step);
    return block != nullptr ? wake(block, step) : nullptr;
  }

  /// A block of the class, or nullptr when there is no memory.
  [[gnu::always_inline]] void* get(std::size_t step) noexcept {
    void* const block = try_get(step);
    if (block == nullptr) [[unlikely]]
      return get_slow(step);
    return block;
  }

  /// Takes a block of this class back. Allocates nothing, and cannot fail.
  [[gnu::always_inline]] void put(void* block, std::size_t step) noexcept {
    if (pool_checks && !is_first_unit_block(block, step)) [[unlikely]]
      check_block(block, step);
    put_checked(block, step);
  }

  /// The same of a block that is known to be one of this class.
  [[gnu::always_inline]] void put_checked(void* block, std::size_t step) noexcept {
    lay_down(block, step);
    put_laid_down(block, step);
  }

  bool is_served_at_once(std::size_t step) const noexcept { return facts_[step].tag != 0; }

  /// Bytes that a block of the class holds.
  std::size_t stride(std::size_t step) const noexcept { return stride_[step]; }

  /// Whether a block of this class may begin here: for blocks that begin in the first 64 KiB of their span.
  bool is_first_unit_block(const void* block, std::size_t step) const noexcept {
    return block_map::is(block, facts_[step].tag) && facts_[step].blocks.begin_at(block);
  }

  /// The class of a block that begins in the first 64 KiB of its span, in a pool without anything special; else
  /// size_step::count.
  std::size_t plain_class_of(const void* block) const noexcept {
    const std::uint64_t tag = block_map::find(block);
    const std::size_t step = block_tag::step_of(tag);
    if (block_tag::pool_of(tag) != plain_pool_ || block_tag::unit_of(tag) != 0) [[unlikely]]
      return size_step::count;
    return facts_[step].blocks.begin_at(block) ? step : size_step::count;
  }

  /// What a block's first two words hold while it is idle.
  std::uint64_t idle_word(const void* block) const noexcept {
    return reinterpret_cast<std::uintptr_t>(block) + reinterpret_cast<std::uintptr_t>(this);
  }

 protected:
  block_pool() = default;
  ~block_pool() = default;

  // What lies on top of this thread's magazine, as it lies there; nullptr if there is none, or this is not its hot
  // pool.
  [[gnu::always_inline]] void* try_pop(std::size_t step) noexcept {
    const thread_words& words = sync::words();
    if (words.hot_pool != id_.load(std::memory_order_relaxed)) [[unlikely]]
      return nullptr;
    thread_cache::bin& bin = static_cast<thread_cache*>(words.hot_cache)->bin_of(step);
    void** const top = bin.top.load(std::memory_order_relaxed) - 1;
    asymmetric_fence::store_then_light_fence(bin.top, top, true);  // [a] before the load of limit, which pairs with [b]
    if (top < bin.limit.load(std::memory_order_relaxed)) [[unlikely]] {
      bin.top.store(top + 1, std::memory_order_relaxed);
      return nullptr;
    }
    void* const block = *top;
    bin.gets.store(bin.gets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return block;
  }

  [[gnu::always_inline]] void put_laid_down(void* block, std::size_t step) noexcept {
    if (!try_push(block, step)) [[unlikely]]
      put_slow(block, step);
  }

  // Adds a block to this thread's magazine, if this is its hot pool and there is room.
  [[gnu::always_inline]] bool try_push(void* block, std::size_t step) noexcept {
    const thread_words& words = sync::words();
    if (words.hot_pool != id_.load(std::memory_order_relaxed)) [[unlikely]]
      return false;
    thread_cache::bin& bin = static_cast<thread_cache*>(words.hot_cache)->bin_of(step);
    void** const top = bin.top.load(std::memory_order_relaxed);
    if (magazine::full(top)) [[unlikely]]
      return false;
    *top = block;
    bin.top.store(top + 1, std::memory_order_release);  // [c] pairs with [d] of visits
    return true;
  }

  // What follows is out of line, in src/block_pool.cpp.
  CISTERN_EXPORT void* get_slow(std::size_t step) noexcept;
  CISTERN_EXPORT void put_slow(void* block, std::size_t step) noexcept;
  CISTERN_EXPORT void check_block(const void* block, std::size_t step) const noexcept;
  CISTERN_EXPORT void* wake_unusual(void* block, std::size_t step) const noexcept;
  [[noreturn]] CISTERN_EXPORT void put_twice(const void* block, std::size_t step) const noexcept;

  // A block from a span that may hold anything is marked by the lowest bit of its pointer. It is not looked at: a page
  // that is first read and then written faults twice.
  void* wake(void* block, std::size_t step) const noexcept {
    unpoison(static_cast<char*>(block) - reinterpret_cast<std::uintptr_t>(block) % 2, stride_[step]);
    if constexpr (pool_checks) {
      if (reinterpret_cast<std::uintptr_t>(block) % 2 != 0 || word(block, 0) != idle_word(block) ||
          word(block, 1) != idle_word(block)) [[unlikely]]
        return wake_unusual(block, step);
      set_word(block, 1, 0);
    }
    return block;
  }

  void lay_down(void* block, std::size_t step) const noexcept {
    if constexpr (pool_checks) {
      unpoison(block, 2 * sizeof(std::uint64_t));  // one that is put twice is poisoned
      // Not the first word: who has just written less than all of it, a byte perhaps, would have us wait for that.
      if (word(block, 1) == idle_word(block)) [[unlikely]]
        put_twice(block, step);
      set_word(block, 0, idle_word(block));
      set_word(block, 1, idle_word(block));
    }
    poison(block, stride_[step]);
  }

  static std::uint64_t word(const void* block, std::size_t index) noexcept {
    std::uint64_t value;
    __builtin_memcpy(&value, static_cast<const char*>(block) + index * sizeof value, sizeof value);
    return value;
  }
  static void set_word(void* block, std::size_t index, std::uint64_t value) noexcept {
    __builtin_memcpy(static_cast<char*>(block) + index * sizeof value, &value, sizeof value);
  }

  struct class_facts {
    std::uint64_t tag;  // of the first unit of its spans
    block_starts blocks;
  };

  static constexpr std::uint64_t nobodys = 1;  // no pool's number, nor that of a thread without a hot pool

  sync::atomic<std::uint64_t> id_{nobodys};  // the thread registry's number; nobodys: nothing lies ready for anybody
  std::uint32_t plain_pool_ = ~std::uint32_t{0};  // this pool's number in tags, unless puts need more than an idle word
  // By size step; of one that is not served at once, and of all in a special pool for those who come by size, no tag.
  class_facts facts_[size_step::count + 1] = {};  // the last for magazines, which are tagged so
  std::size_t stride_[size_step::count] = {};     // bytes from block to block: what a block of the class holds
};

// Bytes by size, of a pool that has classes for them.

CISTERN_EXPORT void* allocate_slow(block_pool& pool, std::size_t bytes, std::size_t alignment) noexcept;
CISTERN_EXPORT void deallocate_slow(block_pool& pool, void* block, std::size_t bytes, std::size_t alignment) noexcept;
CISTERN_EXPORT void deallocate_unsized_slow(block_pool& pool, void* block) noexcept;
CISTERN_EXPORT std::size_t usable_bytes(block_pool& pool, const void* block) noexcept;

/// nullptr when there is no memory, or an alignment above 16 is no power of two.
[[gnu::always_inline]] inline void* allocate(block_pool& pool, std::size_t bytes, std::size_t alignment) noexcept {
  if (alignment <= alignof(std::max_align_t)) [[likely]]
    if (void* const block = pool.try_get(size_step::of(bytes))) [[likely]]
      return block;
  return allocate_slow(pool, bytes, alignment);
}

[[gnu::always_inline]] inline void deallocate(block_pool& pool, void* block, std::size_t bytes,
                                              std::size_t alignment) noexcept {
  const std::size_t step = size_step::of(bytes);
  const bool ready = pool_checks
                         ? pool.is_first_unit_block(block, step)
                         : block != nullptr && pool.is_served_at_once(step) && alignment <= alignof(std::max_align_t);
  if (!ready) [[unlikely]]
    return deallocate_slow(pool, block, bytes, alignment);
  pool.put_checked(block, step);
}

[[gnu::always_inline]] inline void deallocate(block_pool& pool, void* block) noexcept {
  const std::size_t step = pool.plain_class_of(block);
  if (step == size_step::count) [[unlikely]]
    return deallocate_unsized_slow(pool, block);
  pool.put_checked(block, step);
}

}  // namespace cistern::inline v0::detail
