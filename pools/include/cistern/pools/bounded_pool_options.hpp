// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/pool_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>

namespace cistern::inline v0 {

/// What the number of a bounded_pool bounds.
enum class bound : std::uint8_t {
  /// The items that lie idle. A get that finds none makes one; a put that finds so many waits for up to max_put_wait
  /// for
  /// room, and then destroys its item.
  kept,
  /// All items, out and idle together. A get that finds none when there are so many waits for up to max_wait for a put,
  /// and then fails.
  total,
  /// The same, but instead of failing it makes one that is destroyed when it is put.
  total_or_extra,
};

/// How a bounded_pool is made. Every field has a default.
struct bounded_pool_options {
  /// In messages and numbers. Copied, up to 31 characters.
  std::string_view name = {};

  bound by = bound::kept;
  /// How long a get waits for a put, or for what is being destroyed (by a tick, clear() or a put); not with
  /// bound::kept, where it never has to.
  std::chrono::nanoseconds max_wait{0};
  /// How long a put waits for room, which a get makes or a tick; with bound::kept only. The destructor of a handle is a
  /// put, too.
  std::chrono::nanoseconds max_put_wait{0};

  /// Where memory comes from: for the pool's own part at once, and a block for each item. nullptr:
  /// bucket_pool::process(). It must outlive the pool and its items, be safe for threads, and not use the pool.
  std::pmr::memory_resource* upstream = nullptr;

  /// By what idle items age: those that nobody needed between two ticks leave. nullptr: they stay until clear().
  ageing_clock* clock = &ageing_clock::process();
  bool background = true;  ///< has the background_reclaimer tick while there are items; only with the process's clock
  /// So many idle ones do not leave by age, but for memory pressure. Nobody makes them: see bounded_pool::warm().
  std::size_t min_kept = 0;

  blocks_out at_end = blocks_out::report;
};

}  // namespace cistern::inline v0
