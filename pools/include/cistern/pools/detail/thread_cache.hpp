// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/biased_lock.hpp>
#include <cistern/allocators/size_classes.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/allocators/thread_words.hpp>
#include <cistern/pools/detail/magazine.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// What one thread keeps of one pool: for each size class the magazine it works with, and one before that.
///
/// The thread takes its lock for each get and put; whoever takes memory back from threads that do not use it visits.
/// This is the seam behind which the choice of the lock lies (pools/block_pool.md).
struct alignas(128) thread_cache {
  // After the classes: what a size is filed under that has no class of its own at once. Both have no magazine.
  static constexpr std::size_t ambiguous = size_class_table::max_count, too_large = ambiguous + 1;
  static constexpr std::size_t tops = too_large + 1;

  biased_lock lock;

  // Guarded by the pool's mutex of caches.
  const thread_words* owner;  // nullptr: its thread has ended, another may have it
  thread_cache* next;
  thread_cache* previous;

  struct bin {
    sync::atomic<void**> top;         // of the magazine it works with; no_magazine() for none
    sync::atomic<std::uint64_t> gets;  // so far
  };
  // Written under lock, and atomic only because statistics and ticks look at them from outside.
  bin bins[tops];
  sync::atomic<void**> spare[size_class_table::max_count];  // top of the magazine before; no_magazine() for none

  // Guarded by the pool's mutex of caches.
  bool visited;                             // in the tick that is under way
  void** seen[size_class_table::max_count];  // what the bins' tops were at the last tick
};

}  // namespace cistern::inline v0::detail
