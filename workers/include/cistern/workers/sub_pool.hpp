// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

/// A part of a worker_pool: tasks of which no more than a number run at a time, on the pool's workers.
///
/// For a share of the workers: a customer, a device that bears so many requests, work in the background. With a
/// max_concurrency of 1 the tasks run one after the other, in the order in which they were submitted. The role of
/// pond's subpools. It is a task_group that lives long: use that where the tasks belong together.
///
/// Tasks that must wait are in a list of its own, without a bound. Exceptions go to the pool's handler. A task that
/// waits for others of the same sub_pool may wait for ever, but for a result: that it runs itself. A worker that waits
/// for a result in another task runs what is before it in the sub_pool, as far as max_concurrency lets it.
///
/// Threads: all functions from any. Lifetime: the pool outlives it; the destructor waits for all its tasks, and helps.
/// Failure: as task_group. Cost: two locks more than a task of the pool. Example:
/// tests/examples/task_group_example.cpp.
class sub_pool {
 public:
  /// Throws std::invalid_argument for a max_concurrency of 0, and std::bad_alloc.
  sub_pool(worker_pool& pool, std::size_t max_concurrency)
      : tasks_(pool, {.failures = group_failures::to_pool, .max_concurrency = max_concurrency, .outlives_task = true}) {
  }

  /// See task_group::run().
  template <class F>
  void submit(F&& callable, const source_site& site = source_site::current()) {
    tasks_.run(std::forward<F>(callable), site);
  }
  template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
  result<R> submit_result(F&& callable, const source_site& site = source_site::current()) {
    return tasks_.run_result(std::forward<F>(callable), site);
  }

  /// Until all its tasks have ended; helps. False when some have not by then. Throws task_cancelled when the pool has
  /// dropped one.
  bool wait_idle(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return tasks_.wait_until(deadline) != group_status::pending;
  }
  /// Tasks that have not begun now will not, until wait_idle() has returned.
  void cancel() noexcept { tasks_.cancel(); }

  /// Tasks that have not ended.
  std::size_t pending() const noexcept { return tasks_.pending(); }

 private:
  task_group tasks_;
};

}  // namespace cistern::inline v0
