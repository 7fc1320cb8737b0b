// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cistern::inline v0 {

/// By what a worker_pool_set chooses the pool for a submission.
enum class pool_choice : std::uint8_t {
  round_robin,   ///< in turn. 10 ns
  least_loaded,  ///< with the fewest tasks that are queued or run; in turn among equals. 25 ns for each pool
};

/// How a worker_pool_set of equal pools is made. Every field has a default.
struct worker_pool_set_options {
  /// The pools are called so, with a point and a number behind it.
  std::string_view name = {};
  std::size_t pools = 2;
  pool_choice choice = pool_choice::round_robin;
  /// For each of them, but for the name. max_workers 0: the processors that there are, shared among the pools, and one
  /// for each at least.
  worker_pool_options each = {};
};

/// Several worker pools as one: the role of ants' MultiPool.
///
/// For isolation, where tasks that hang shall take no more than their pool's workers with them; for a pool to each NUMA
/// node (with an observer for each that binds its threads as they start); and for so many producers that the one queue
/// of a pool is in their way. Otherwise one worker_pool with as many workers is better: its idle workers find all
/// tasks, here a task stays with the pool that it was given to.
///
/// A submission goes to the chosen pool in that pool's way. Pools without room, or that are stopped, are passed over as
/// long as another one has room; when that is filled by others at the same moment, the pool's way with a full queue
/// applies all the same. What a task of one of the pools submits goes to its own pool, and so never waits: else tasks
/// of two full pools could wait for each other.
///
/// Threads, lifetime, forks, failure: as for worker_pool. The destructor stops all before it waits for one.
/// Complexity: the choice looks at each pool once (perf/workers/worker_pool_set_bench.cpp). Example:
/// tests/examples/worker_pool_set_example.cpp.
class CISTERN_EXPORT worker_pool_set {
 public:
  /// Throws what worker_pool's constructor throws, and std::invalid_argument for no pools.
  explicit worker_pool_set(const worker_pool_set_options& options = {});
  /// Of pools that are not equal. Those without a name are called as above.
  explicit worker_pool_set(std::span<const worker_pool_options> pools, pool_choice choice = pool_choice::round_robin,
                           std::string_view name = {});
  ~worker_pool_set();
  worker_pool_set(const worker_pool_set&) = delete;
  worker_pool_set& operator=(const worker_pool_set&) = delete;

  std::size_t size() const noexcept { return pools_.size(); }
  worker_pool& operator[](std::size_t index) const noexcept { return *pools_[index]; }
  std::string_view name() const noexcept { return name_; }
  /// The pool that is chosen for the next submission, to submit to; it is the turn of another one then.
  worker_pool& next() noexcept;

  // As worker_pool's.

  template <class F>
  void submit(F&& callable, const source_site& site = source_site::current()) {
    next().submit(std::forward<F>(callable), site);
  }
  template <class F>
  void submit(const submit_options& how, F&& callable, const source_site& site = source_site::current()) {
    next().submit(how, std::forward<F>(callable), site);
  }
  template <class F>
  [[nodiscard]] submission try_submit(F&& callable, const source_site& site = source_site::current()) {
    return next().try_submit(std::forward<F>(callable), site);
  }
  template <class F>
  [[nodiscard]] submission submit_until(sync::clock::time_point deadline, F&& callable,
                                        const source_site& site = source_site::current()) {
    return next().submit_until(deadline, std::forward<F>(callable), site);
  }
  template <class F>
  [[nodiscard]] submission submit_for(std::chrono::nanoseconds time, F&& callable,
                                      const source_site& site = source_site::current()) {
    return next().submit_for(time, std::forward<F>(callable), site);
  }
  template <class F>
  void submit_before(sync::clock::time_point start_before, F&& callable,
                     const source_site& site = source_site::current()) {
    next().submit_before(start_before, std::forward<F>(callable), site);
  }
  /// Each to the pool that is chosen for it.
  template <class Make>
  std::size_t submit_bulk(std::size_t count, Make&& make, const source_site& site = source_site::current()) {
    for (std::size_t i = 0; i < count; ++i) {
      if (next().submit_bulk(
              1, [&](std::size_t) { return make(i); }, site) == 0)
        return i;
    }
    return count;
  }
  template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
  result<R> submit_result(F&& callable, const source_site& site = source_site::current()) {
    return next().submit_result(std::forward<F>(callable), site);
  }
  template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
  result<R> submit_result(const submit_options& how, F&& callable, const source_site& site = source_site::current()) {
    return next().submit_result(how, std::forward<F>(callable), site);
  }
  template <class F>
  std::invoke_result_t<std::decay_t<F>&> submit_wait(F&& callable, const source_site& site = source_site::current()) {
    return next().submit_wait(std::forward<F>(callable), site);
  }

  // Control, of all pools.

  void pause() noexcept;
  void resume() noexcept;
  /// Until each pool has been seen without a task after the others were; false at the deadline.
  bool wait_idle(sync::clock::time_point deadline = sync::clock::time_point::max());
  /// Of each.
  void resize(std::size_t min_workers, std::size_t max_workers);
  /// All at once, and to one deadline. `running` has those of all pools, with their indices in their own.
  stop_report stop(sync::clock::time_point deadline = sync::clock::time_point::max()) { return stop(false, deadline); }
  stop_report stop_and_discard(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return stop(true, deadline);
  }
  void request_stop(bool discard = false) noexcept;
  void restart();
  bool is_stopped() const noexcept;  ///< all of them

  /// The sums of all pools' numbers; so most_workers and queue_high_water are no less than what was there at a time.
  /// paused and stopped: all are. For those of one see operator[].
  worker_pool_statistics statistics() const;

 private:
  void add(worker_pool_options options);
  void refuse_own_workers() const;
  stop_report stop(bool discard, sync::clock::time_point deadline);

  const std::string name_;
  const pool_choice choice_;
  std::vector<std::unique_ptr<worker_pool>> pools_;  // constant after construction
  sync::atomic<std::uint64_t> turn_{0};
};

}  // namespace cistern::inline v0
