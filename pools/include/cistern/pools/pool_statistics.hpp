// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cistern::inline v0 {

/// What a pool holds of one size class, and what happened there. Blocks.
struct class_statistics {
  std::size_t bytes;           ///< that a block holds
  std::size_t live;            ///< handed out
  std::size_t cached_threads;  ///< idle, in magazines of threads
  std::size_t cached_depot;    ///< idle, in the depot that all threads share
  std::size_t retained;        ///< idle, in spans
  std::uint64_t gets;          ///< blocks handed out so far
  std::uint64_t refills;       ///< magazines that threads took from the depot
  std::uint64_t misses;        ///< times that the depot had none, and spans had to serve
  std::uint64_t flushes;       ///< magazines that threads gave to the depot
  std::uint64_t trimmed;       ///< blocks that went back into spans
};

/// What a pool holds and why. One moment in each part, not one for all: while threads work, sums differ by what is on
/// its way.
struct pool_statistics {
  std::string name;
  std::uint32_t number;  ///< of the pool, in the order in which they were made

  // Bytes.
  std::size_t live;            ///< in blocks that are out, with the rounding to their class
  std::size_t cached_threads;  ///< idle, in magazines of threads
  std::size_t cached_depot;    ///< idle, in the depot
  std::size_t retained;        ///< idle, in spans, and units of no span
  std::size_t bookkeeping;     ///< the pool's own
  std::size_t resting;         ///< in quarantine
  std::size_t large;           ///< in blocks of no class: above the largest one, guarded, or passed through
  std::size_t taken;           ///< from the upstream, at present: all of the above
  std::size_t high_water;      ///< the most that `taken` ever was
  std::uint64_t returned;      ///< so far, to the upstream and as pages to the system

  std::uint64_t gets;        ///< blocks handed out so far, with large ones
  std::uint64_t large_gets;  ///< of them, those of no class
  std::uint64_t ticks;       ///< of the clock, and trims
  std::uint64_t waits;       ///< gets that had to wait for memory
  std::uint64_t failures;    ///< gets that got nothing
  std::size_t threads;       ///< that have magazines; also of those that have ended, until they are used again or empty

  std::vector<class_statistics> classes;
};

/// A few lines for people: the pool, then each class that is or was in use.
CISTERN_EXPORT std::string to_string(const pool_statistics& statistics);
/// One JSON object.
CISTERN_EXPORT std::string to_json(const pool_statistics& statistics);
/// Prometheus text format: cistern_pool_... with the labels pool (its name), number and, for classes in use, size.
CISTERN_EXPORT std::string to_prometheus(const pool_statistics& statistics);
CISTERN_EXPORT std::string to_prometheus(const std::vector<pool_statistics>& pools);

}  // namespace cistern::inline v0
