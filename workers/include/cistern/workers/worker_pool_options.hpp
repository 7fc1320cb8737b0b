// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory_resource>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace cistern::inline v0 {

class worker_observer;

/// What a submission does when the queue is full.
enum class overflow : std::uint8_t {
  wait,         ///< waits for room, up to max_wait or the submission's deadline
  reject,       ///< gives the task back as it was
  run_here,     ///< runs the task on the submitting thread
  drop_oldest,  ///< drops the task that has been queued longest, and takes this one in its place
};

/// Where workers run.
enum class worker_affinity : std::uint8_t {
  none,      ///< wherever the system puts them
  one_each,  ///< each on one processor of the process's affinity mask, in turn
};

/// How a worker_pool is made. Every field has a default.
struct worker_pool_options {
  static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t most_workers = 4096;

  /// In messages, in numbers, and with a number behind it the name of the threads (15 characters of it). Copied, up to
  /// 31 characters.
  std::string_view name = {};

  /// Workers are started as tasks come, up to this many. 0: available_concurrency(), as many as can really run.
  std::size_t max_workers = 0;
  /// So many stay when they have nothing to do.
  std::size_t min_workers = 0;
  /// So many are started by the constructor; one, so that a process which can have no threads is told there. None is
  /// no trap: the first task starts one.
  std::size_t spawn = 1;
  /// A worker above min_workers that has been idle for so long ends: the one that has been idle longest, and one in
  /// such a time.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(10);

  /// The most tasks that wait. 0: none, a task is accepted when a worker is free for it. What workers of the pool
  /// submit themselves is not counted, and always accepted: see worker_pool.
  std::size_t queue_bound = unbounded;
  overflow when_full = overflow::wait;
  /// The longest that a submission waits when full, unless it says so itself.
  std::chrono::nanoseconds max_wait = std::chrono::nanoseconds::max();

  /// How long a worker without work looks for some before it sleeps. Each wake of a sleeper costs about 5 us, so tasks
  /// that come one by one are faster with it; 0 is right where processors are shared or power matters.
  std::chrono::nanoseconds spin = std::chrono::microseconds(20);
  worker_affinity affinity = worker_affinity::none;

  /// Where the workers' arenas and the queues come from; nullptr: default_backend() for
  /// arenas, pages of the system for queues. Must be thread-safe, and outlive the pool.
  std::pmr::memory_resource* upstream = nullptr;
  /// The first block of a worker's arena, in bytes.
  std::size_t arena_block = std::size_t{4} << 10;

  /// What is done with an exception that a task throws, on the thread that runs it, with the place where the task was
  /// submitted. The default writes a line to stderr. What it throws ends the program. A task with a result has its
  /// exception there, and only there: who lets such a result go without get() does not care for it.
  std::function<void(std::exception_ptr, const source_site&)> on_exception = {};
  /// Told of workers and of the tasks that they run, on their threads; outlives the pool. Costs a call for each task.
  worker_observer* observer = nullptr;
  /// Keeps histograms of how long tasks wait and run, of those that workers run. Costs three or four readings of the
  /// clock for each task, 100 ns, and a block of the tasks' pool where its capture is above 32 bytes
  /// (perf/workers/worker_pool_bench.cpp).
  bool measure_times = false;
};

/// How one task is submitted, where that differs from the pool's options. A start_before, or a stop that can be
/// requested, costs a block of the tasks' pool.
struct submit_options {
  std::optional<overflow> when_full = {};
  /// The wait for room ends here.
  sync::clock::time_point deadline = sync::clock::time_point::max();
  /// The task is dropped, and counted as expired, if it has not been started by then. A wait for room ends here, too,
  /// and what would be run on the submitting thread is not accepted later: timed_out.
  sync::clock::time_point start_before = sync::clock::time_point::max();
  /// A request ends the wait for room, and a task that is queued is dropped when its turn comes.
  std::stop_token stop = {};
};

/// What became of a submission.
enum class submission : std::uint8_t {
  accepted,   ///< it is run once, unless the pool is stopped and discards it, or it expires or is cancelled
  ran_here,   ///< it has run on the submitting thread
  full,       ///< no room
  timed_out,  ///< no room until the deadline, or until it was to be started
  cancelled,  ///< a stop was requested before there was room, or before the submission
  stopped,    ///< the pool is stopped or stopping, or this is the child of a fork
  no_memory,
};

/// The task is with the pool, or has run; otherwise the callable is as it was.
constexpr bool accepted(submission what) noexcept { return what <= submission::ran_here; }

/// In words.
CISTERN_EXPORT std::string_view to_string(submission what) noexcept;

/// A submission that was not accepted, from those functions that return something else.
class CISTERN_EXPORT submission_refused : public std::runtime_error {
 public:
  submission_refused(submission why, const std::string& message) : std::runtime_error(message), why_(why) {}
  submission why() const noexcept { return why_; }

 private:
  submission why_;
};

/// Watches a worker_pool: derive from it, and name it in the options.
///
/// Each function is called on the thread that it is about, one call at a time for one worker. They must not throw.
class worker_observer {
 public:
  virtual ~worker_observer() = default;
  virtual void worker_started(std::size_t /*index*/) noexcept {}
  virtual void worker_ended(std::size_t /*index*/) noexcept {}
  virtual void task_started(std::size_t /*index*/, const source_site&) noexcept {}
  /// `failure` is null unless it threw; also null where a result or a group has the exception.
  virtual void task_ended(std::size_t /*index*/, const source_site&, const std::exception_ptr& /*failure*/) noexcept {}
};

}  // namespace cistern::inline v0
