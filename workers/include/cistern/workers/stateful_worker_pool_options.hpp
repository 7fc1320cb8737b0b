// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/workers/worker_pool_options.hpp>
#include <cistern/workers/worker_pool_statistics.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory_resource>
#include <string>
#include <string_view>

namespace cistern::inline v0 {

/// How a stateful_worker_pool is made. Every field has a default.
struct stateful_worker_pool_options {
  /// As worker_pool_options::name.
  std::string_view name = {};

  /// As many threads, each with a state. 0: available_concurrency().
  std::size_t workers = 0;

  /// The most calls that wait for a worker; those beyond wait for room, up to their deadlines. What was given up counts
  /// until its turn comes. 0: none waits, a call is taken when a worker is free for it.
  std::size_t queue_bound = worker_pool_options::unbounded;

  /// How long a worker looks for a call before it sleeps, and a caller for its value. Each sleep costs the other side a
  /// wake, 5 us.
  std::chrono::nanoseconds spin = std::chrono::microseconds(20);
  worker_affinity affinity = worker_affinity::none;
  /// As worker_pool_options::upstream. States lie where their own allocation functions put them.
  std::pmr::memory_resource* upstream = nullptr;
  bool measure_times = false;  ///< as worker_pool_options::measure_times

  /// What is done when a state cannot be made after the pool's constructor: by default a line to stderr. On the
  /// worker's thread. What it throws ends the program.
  std::function<void(std::exception_ptr)> on_failed_state = {};
};

/// What a stateful_worker_pool has and did. Numbers are added up while it works.
struct stateful_worker_pool_statistics {
  std::size_t states;      ///< at present; workers that could not make one try again
  std::size_t waiting;     ///< calls whose turn has not come
  std::size_t processing;  ///< calls that run, also those whose callers have left

  // So far.
  std::uint64_t completed;      ///< process() returned
  std::uint64_t failed;         ///< it threw
  std::uint64_t timed_out;      ///< callers that left at their deadline
  std::uint64_t cancelled;      ///< callers that left for a stop_token
  std::uint64_t stopped;        ///< calls that a stopped pool did not accept, or discarded
  std::uint64_t interrupted;    ///< calls of interrupt()
  std::uint64_t failed_states;  ///< attempts to make a state that threw

  worker_pool_statistics workers;  ///< of the pool of threads beneath, in which a call is a task
};

/// A few lines for people.
CISTERN_EXPORT std::string to_string(const stateful_worker_pool_statistics& statistics);

}  // namespace cistern::inline v0
