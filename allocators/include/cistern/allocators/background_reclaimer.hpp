// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <chrono>
#include <cstdint>

namespace cistern::inline v0 {

struct reclaimer_statistics {
  bool running;                  ///< the thread exists
  bool asleep;                   ///< nothing was idle or pending at its last tick, and no wake has come since
  std::uint64_t ticks;           ///< because time had passed
  std::uint64_t pressure_ticks;  ///< because memory was short
  std::uint64_t failed_starts;   ///< the system gave no thread or no descriptor
  const char* pressure_sources;  ///< which are watched, in words
};

/// The one thread of the process that ticks ageing_clock::process() once a second, and at once when the system says
/// that memory is short (see memory_pressure), so that idle memory comes back by itself.
///
/// It starts with the first wake(), sleeps without a timer while nothing is idle or pending, and does not outlive main:
/// it is stopped at exit, before static objects that are older than its first start are destroyed. A program with an
/// event loop calls disable() and ageing_clock::tick() itself, once a second for as long as it runs, since nobody tells
/// it when something becomes idle; CISTERN_BACKGROUND=0 in the environment (no other value) disables it too.
///
/// Threads: every function from any thread, also from what a tick runs. The thread blocks all signals and is called
/// "cistern-reclaim". Fork: a child has none until the next wake(); if the fork was called by what a tick runs, the
/// child's only thread is its reclaimer. When it cannot be started, things age by the other sources, and the next
/// wake() tries again.
class background_reclaimer {
 public:
  background_reclaimer() = delete;

  /// To be called after something became idle or pending: makes sure that a tick will come. A fence and a load (6 ns,
  /// perf/allocators/background_reclaimer_bench.cpp), so for slow paths; starting or waking the thread takes
  /// microseconds.
  static void wake() noexcept {
    // [a] pairs with [b] in background_reclaimer.cpp: either this sees it asleep, or its next tick sees what is idle.
    if (sync::fence_then_load(current_state) >= asleep) [[unlikely]]
      wake_slow();
  }

  /// Switches it off for the process, and on again. disable() waits for a tick that is under way and for the end of the
  /// thread: hold no lock that a deleter may want. From within the tick it does not wait; the thread then stays, and
  /// does nothing.
  CISTERN_EXPORT static void disable() noexcept;
  CISTERN_EXPORT static void enable() noexcept;

  /// Time between ticks; one second by default. At least a millisecond, at most a day: others become the nearest.
  CISTERN_EXPORT static void set_period(std::chrono::nanoseconds period) noexcept;

  CISTERN_EXPORT static reclaimer_statistics statistics() noexcept;

 private:
  CISTERN_EXPORT static void wake_slow() noexcept;

  friend class reclaimer_thread;
  // Those from asleep on need help to tick.
  static constexpr std::uint32_t disabled = 0, awake = 1, asleep = 2, absent = 3;
  CISTERN_EXPORT static constinit sync::atomic<std::uint32_t> current_state;
};

}  // namespace cistern::inline v0
