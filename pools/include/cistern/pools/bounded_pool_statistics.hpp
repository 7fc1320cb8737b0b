// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace cistern::inline v0 {

/// What a bounded_pool holds and why. Each number by itself as of one moment; exact when nobody uses the pool. Items,
/// unless said otherwise.
struct bounded_pool_statistics {
  std::string name;
  std::string type;

  std::size_t limit;
  std::size_t kept;    ///< idle
  std::size_t out;     ///< handed out, or on their way in or out
  std::size_t total;   ///< that there are
  std::size_t most;    ///< that there ever were at a time
  std::size_t extras;  ///< that are destroyed when they are put

  std::uint64_t gets;        ///< hits and misses
  std::uint64_t hits;        ///< gets that got a kept one, or one that another thread put meanwhile
  std::uint64_t misses;      ///< gets that made one
  std::uint64_t handovers;   ///< hits of gets that waited, by a put
  std::uint64_t made;        ///< so far; with warm()
  std::uint64_t dropped;     ///< destroyed so far, for whatever reason
  std::uint64_t overflowed;  ///< of them: because so many were kept
  std::uint64_t refused;     ///< of them: because keep said so
  std::uint64_t aged;        ///< of them: idle ones, by a tick, clear(), close() or the end
  std::uint64_t failed;      ///< hooks that threw
  std::uint64_t waits;       ///< gets that had to wait
  std::uint64_t put_waits;   ///< puts that had to wait
  std::uint64_t failures;    ///< gets that were refused: closed, exhausted or without memory
  std::uint64_t ticks;

  std::size_t bytes_each;  ///< an item with its header, as it is asked of the upstream
};

/// A few lines for people.
CISTERN_EXPORT std::string to_string(const bounded_pool_statistics& statistics);
/// One JSON object.
CISTERN_EXPORT std::string to_json(const bounded_pool_statistics& statistics);
/// Prometheus text format: cistern_bounded_pool_... with the labels pool and type.
CISTERN_EXPORT std::string to_prometheus(const bounded_pool_statistics& statistics);

}  // namespace cistern::inline v0
