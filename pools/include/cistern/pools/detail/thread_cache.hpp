// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/size_classes.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/allocators/thread_words.hpp>
#include <cistern/pools/detail/magazine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// The sizes that a pool tells apart at once: the classes of four_per_doubling, without an end. So the step of a size
/// that the compiler knows is known to it, too. Where a pool's classes are others, several steps may have one class,
/// and classes that share a step have numbers of their own above all steps.
struct size_step {
  static constexpr std::size_t of(std::size_t bytes) noexcept { return quarter_steps::index_up(bytes); }
  static constexpr std::size_t first_own = quarter_steps::count;
  static constexpr std::size_t count = first_own + size_class_table::max_count;  // no step
};

/// What one thread keeps of one pool: for each size step the magazine it works with, one before that, and some full
/// ones.
///
/// Its owner gets from the top and puts there, without a lock. Whoever takes memory back from threads that do not use
/// it (a *visitor*) takes from below, by raising the limit: the protocol of Cilk-5's deques, with the owner's fence
/// made light. This is the seam behind which the choice lies; pools/block_pool.md tells why.
///
/// Orders: [a] the owner's store of top and [b] a visitor's store of limit, each before the other's load, by an
/// asymmetric fence; [c] release of top in put <-> acquire in a visit [d], of a tick (pool_ageing.cpp) or a
/// thief (pool_objects.cpp): the slots below it.
struct alignas(128) thread_cache {
  struct bin {
    sync::atomic<void**> top;          // the owner's to write
    sync::atomic<void**> limit;        // written under lock
    sync::atomic<std::uint64_t> gets;  // the owner's to write
    void** claimed;  // guarded by lock: the limit as it was before the visit that is under way; nullptr for none
  };

  /// What else a thread keeps of a step.
  struct shelf {
    // Guarded by lock.
    loaded spare;  // full or empty, but for what a thread left behind
    stash more;
    // The bin at the last tick.
    struct glimpse {
      void** top;
      std::uint64_t gets;
    } seen;

    /// As the bin gets another magazine, which puts alone may fill to the same top: that is no standing still.
    void forget() noexcept { seen.top = nullptr; }
  };

  mutex lock;  // visitors', and the owner's when it changes magazines

  // Guarded by the pool's mutex of caches.
  thread_words* owner;  // nullptr: its thread has ended, another may have it
  thread_cache* next;
  thread_cache* previous;
  bool visited;  // in the round that is under way

  shelf* shelves;               // constant
  std::uint32_t skipped_looks;  // the owner's: misses until it looks into others' magazines again

  /// The bins follow the cache, and the shelves follow the bins.
  static constexpr std::size_t bytes_for(std::size_t bins, std::size_t shelves) noexcept {
    return sizeof(thread_cache) + bins * sizeof(bin) + shelves * sizeof(shelf);
  }
  bin& bin_of(std::size_t step) noexcept { return reinterpret_cast<bin*>(this + 1)[step]; }
  shelf& shelf_of(std::size_t step) noexcept { return shelves[step]; }
};

}  // namespace cistern::inline v0::detail
