// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace cistern::inline v0 {

/// What an object_pool holds and why. One moment in each part, not one for all. Objects, unless said otherwise.
struct object_pool_statistics {
  std::string name;
  std::string type;

  std::size_t total;         ///< that there are
  std::size_t live;          ///< handed out
  std::size_t idle_threads;  ///< idle, in magazines of threads
  std::size_t idle_depot;    ///< idle, in the depot that all threads share
  std::size_t most;          ///< that there ever were at a time

  std::uint64_t gets;         ///< hits and misses
  std::uint64_t hits;         ///< gets that found an idle object
  std::uint64_t misses;       ///< gets that made one
  std::uint64_t steals;       ///< hits in other threads' magazines
  std::uint64_t victim_hits;  ///< hits, past the magazine in use, on objects that had been idle for a tick at least
  std::uint64_t made;         ///< so far; with warm()
  std::uint64_t dropped;      ///< destroyed so far, for whatever reason
  std::uint64_t refused;      ///< of them: because keep said so, or max_idle were idle
  std::uint64_t aged;         ///< of them: idle ones, by a tick, clear(), trim(), close() or the end
  std::uint64_t failed;       ///< hooks that threw
  std::uint64_t waits;        ///< gets that had to wait
  std::uint64_t failures;     ///< gets that were refused: closed, exhausted or without memory
  std::uint64_t ticks;
  std::size_t threads;  ///< that have magazines

  std::size_t bytes_each;  ///< an object with its header, rounded
  std::size_t taken;       ///< bytes from the upstream, at present
  std::size_t high_water;  ///< the most that `taken` ever was
};

/// A few lines for people.
CISTERN_EXPORT std::string to_string(const object_pool_statistics& statistics);
/// One JSON object.
CISTERN_EXPORT std::string to_json(const object_pool_statistics& statistics);
/// Prometheus text format: cistern_object_pool_... with the labels pool and type.
CISTERN_EXPORT std::string to_prometheus(const object_pool_statistics& statistics);

}  // namespace cistern::inline v0
