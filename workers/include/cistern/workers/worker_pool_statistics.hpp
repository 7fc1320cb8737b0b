// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/workers/time_counts.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace cistern::inline v0 {

/// A task that runs.
struct running_task {
  static constexpr std::size_t no_worker = std::numeric_limits<std::size_t>::max();

  /// Its index; no_worker where another thread runs it: one that submits where there is no room, or waits for a group.
  std::size_t worker;
  source_site site;  ///< where it was submitted
  /// It runs for so long at least: seen at the ticks of the clock and when somebody asked, so by default a second less
  /// than it may be.
  std::chrono::nanoseconds age;
  std::string pool = {};  ///< its name
};

/// A task that threw.
struct failed_task {
  source_site site;
  std::string what;  ///< of std::exception; else "not a std::exception"
};

/// What a worker pool has and did. Numbers of single workers are added up while they work, so sums differ by what is on
/// its way.
struct worker_pool_statistics {
  std::string name;

  // At present.
  std::size_t workers;  ///< threads
  std::size_t running;  ///< tasks that run: on workers, and on threads that wait for groups
  std::size_t idle;     ///< of the workers, asleep
  std::size_t min_workers, max_workers;
  std::size_t queued;   ///< tasks that wait in the shared queue
  std::size_t nested;   ///< tasks that wait in workers' own deques
  std::size_t waiting;  ///< submissions that wait for room
  bool paused, stopped;

  // So far. submitted = completed + failed + cancelled + expired + dropped + discarded + running + queued + nested,
  // when nothing moves.
  std::uint64_t submitted;  ///< accepted tasks
  std::uint64_t started;    ///< taken from a queue by a worker
  std::uint64_t completed;  ///< returned
  std::uint64_t failed;     ///< threw
  std::uint64_t cancelled;  ///< by whoever submitted them, before they started
  std::uint64_t expired;    ///< not started before the moment that submit_before() gave
  std::uint64_t dropped;    ///< to make room for others
  std::uint64_t discarded;  ///< by stop()
  std::uint64_t rejected;   ///< not accepted: full, timed out, cancelled, stopped, no memory
  std::uint64_t timed_out;  ///< of them, after a wait
  std::uint64_t ran_here;   ///< run by the submitting thread, since there was no room; not among the submitted, nor,
                            ///< if they threw, among the failed: their exceptions are with the others
  std::uint64_t steals;     ///< tasks taken from another worker's deque
  std::uint64_t parks;      ///< times that a worker went to sleep
  std::uint64_t wakes;      ///< times that one was woken or started for a task
  std::uint64_t failed_starts;  ///< threads that the system did not give
  std::size_t most_workers;     ///< at a time
  /// The most tasks that were seen waiting: at each 1020th, at ticks and when somebody asked.
  std::size_t queue_high_water;
  std::size_t queue_bytes;  ///< of the shared queue's memory

  // With measure_times only; empty otherwise.
  time_counts waited;  ///< from submission to start
  time_counts ran;

  std::vector<failed_task> failures;  ///< the last ones, up to 8, the oldest first; without those that results have
};

/// What stop() found.
struct stop_report {
  bool ended;                         ///< all threads and tasks have ended; else the deadline passed first
  std::size_t discarded;              ///< tasks that were not run
  std::vector<running_task> running;  ///< that did not end in time
  std::size_t queued = 0;             ///< tasks that were not begun in time
};

/// A few lines for people.
CISTERN_EXPORT std::string to_string(const worker_pool_statistics& statistics);
CISTERN_EXPORT std::string to_string(const stop_report& report);
/// Prometheus text format: cistern_worker_pool_... with the label pool.
CISTERN_EXPORT std::string to_prometheus(const worker_pool_statistics& statistics);

}  // namespace cistern::inline v0
