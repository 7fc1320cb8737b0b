// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/pools/pool_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <string_view>

namespace cistern::inline v0 {

/// Which idle objects leave at a tick.
enum class object_ageing : std::uint8_t {
  /// Those that nobody needed: magazines of threads in which nothing has moved since the last tick, and magazines that
  /// the depot was never without (Bonwick's working set).
  working_set,
  /// Each one by itself, as in Go's sync.Pool: what was not used between two ticks. Costs a look at each idle object.
  two_ticks,
};

/// How an object_pool is made. Every field has a default.
struct object_pool_options {
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  /// In messages and numbers. Copied, up to 31 characters.
  std::string_view name = {};

  /// Where memory for objects comes from; as in pool_options.
  std::pmr::memory_resource* upstream = nullptr;
  memory_budget* budget = nullptr;  ///< what the memory is counted against. Must outlive the pool and its objects

  /// The most objects that there are at a time, out and idle together. Above that a get waits for a put for up to
  /// max_wait, and then fails.
  std::size_t max_total = no_limit;
  std::chrono::nanoseconds max_wait{0};
  /// The most that lie idle; what is put above that is destroyed. With a limit there is no inline path (58 ns for a get
  /// and a put).
  std::size_t max_idle = no_limit;
  /// So many idle ones do not leave by age, but for memory pressure. Nobody makes them: see object_pool::warm().
  std::size_t min_idle = 0;

  object_ageing ageing = object_ageing::working_set;
  /// By what idle objects age; nullptr: they stay until trim() or clear().
  ageing_clock* clock = &ageing_clock::process();
  bool background = true;  ///< has the background_reclaimer tick while something is idle; as in pool_options

  blocks_out at_end = blocks_out::report;

  /// Where each object was taken is remembered, and said of those that are out as the pool ends. For looking for leaks:
  /// a lock and a look into a table for each get, and no inline path (61 ns for a get and a put).
  bool record_sites = false;
  /// Every get makes an object and every put destroys it: for sanitizers, and to see what the pool is worth.
  bool pass_through = false;
};

}  // namespace cistern::inline v0
