// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstdint>
#include <string>

namespace cistern::inline v0 {

struct pressure_options {
  /// Files to watch; empty: do not. One that cannot be watched is as if it were absent: ask watches_stalls() and
  /// watches_events(). The default finds this process's own cgroup, and the whole system's stalls where
  /// the cgroup has no such file.
  std::string stall_file = "auto";   ///< memory.pressure of a cgroup, or /proc/pressure/memory (PSI)
  std::string events_file = "auto";  ///< memory.events of a cgroup (v2)

  /// So much stalled time in `window_us` counts as pressure. The kernel takes windows of 0.5 to 10 s, and from a
  /// process without privileges multiples of 2 s only.
  std::uint64_t stall_us = 150'000;
  std::uint64_t window_us = 2'000'000;
};

/// Learns from the system that memory is short: by a PSI trigger, and by the memory.events of the cgroup (its limits
/// "high" and "max"). Each source is optional, its absence normal: none of them is an error.
///
/// background_reclaimer has one. An event loop has one of its own, polls descriptor() for reading, and ticks with
/// age_level::pressure when check() says so. An application that knows better than the system needs none of this: it
/// calls ageing_clock::process().tick(age_level::pressure).
///
/// Threads: one at a time. Owns its descriptors.
class CISTERN_EXPORT memory_pressure {
 public:
  explicit memory_pressure(const pressure_options& options = {}) noexcept;
  ~memory_pressure();
  memory_pressure(const memory_pressure&) = delete;
  memory_pressure& operator=(const memory_pressure&) = delete;

  bool watches_stalls() const noexcept { return stalls_ >= 0; }
  bool watches_events() const noexcept { return events_ >= 0; }

  /// Becomes readable when there is something to check; -1 when nothing is watched.
  int descriptor() const noexcept { return poll_; }

  /// Takes what has happened since the last call; true when memory is short. Does not block.
  bool check() noexcept;

 private:
  void watch_stalls(const pressure_options& options, const std::string& file) noexcept;
  void watch_events(const std::string& file) noexcept;
  bool add(int descriptor, std::uint32_t events) noexcept;
  std::uint64_t count_events() const noexcept;

  int poll_ = -1;    // an epoll descriptor over the two
  int stalls_ = -1;  // the PSI trigger
  int events_ = -1;  // inotify, on memory.events
  int counts_ = -1;  // memory.events itself
  std::uint64_t seen_ = 0;
};

}  // namespace cistern::inline v0
