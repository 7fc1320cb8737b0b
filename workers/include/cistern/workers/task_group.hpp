// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/group_capture.hpp>
#include <cistern/workers/detail/group_core.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/task_group_options.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace cistern::inline v0 {

/// Tasks of a worker_pool that are waited for together.
///
/// For the pieces of one job: fork and join, a request with several parts. Not for a loop over a range (parallel_for),
/// nor for many values as they are ready (task_batch). One that lives long, with max_concurrency, is a part of a pool
/// with a share of the workers: see sub_pool for that.
///
/// Who waits helps: it runs tasks of the group that nobody has begun, and those of groups that these have made, and no
/// others. So a worker may wait, nested as deep as you like and with one worker, and a lock that the waiting task holds
/// is not in the way of a foreign one. A thread that is no worker helps as well, with an arena of its own, also while
/// the pool is paused or stopped.
///
/// The first exception cancels the tasks that have not begun, and wait() throws it; further ones, of tasks that were
/// running, are counted by the pool as failed. With the options, exceptions are collected, or go to the pool's handler.
/// A cancelled group tells its stop_token(), and calls no more tasks; so do the groups that its tasks have made.
///
/// Role model: oneTBB's task_group, with the differences that its wait runs foreign tasks too, and swallows the
/// exceptions of a group that is not waited for.
///
/// Threads: all functions from any; fastest is who made it, on a worker. Lifetime: the pool outlives the group. One
/// that a task of another group makes ends before that task does, or the program ends with a message (the option
/// outlives_task undoes that). The destructor waits for all tasks; when it runs because of an exception, and so without
/// a wait(), it cancels those that have not begun. Exceptions that nobody has seen go to the pool's handler then.
/// Stop: when the pool discards its tasks, the group's are dropped too, and wait() throws task_cancelled. Fork: in the
/// child, wait() throws std::logic_error when tasks are left, and the destructor does not wait.
///
/// Bounds: a group's tasks are past the pool's queue_bound, also those that come from outside, since who waits runs
/// them; max_concurrency does not bound how many wait either.
/// Happens-before: what came before run() happens before the task; a task, and the end of its callable, before the
/// return of wait(). Cost: a group with one task that nobody steals takes about 40 ns (perf/workers/
/// task_group_bench.cpp); a callable above 40 bytes costs a block of a pool. From outside, 400 ns a task, with
/// a lock.
/// Failure: run() throws submission_refused when the pool is stopped, std::bad_alloc, std::invalid_argument for a null
/// task, and the callable is as it was then. Example: tests/examples/task_group_example.cpp.
class task_group {
 public:
  explicit task_group(worker_pool& pool) noexcept : core_(pool.core()) {}
  /// Throws std::invalid_argument for a max_concurrency of 0, and std::bad_alloc.
  task_group(worker_pool& pool, const task_group_options& options) : core_(pool.core(), options) {}
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Has the pool call it, once, on a worker or in a wait. When the group is cancelled it is not called.
  template <class F>
  void run(F&& callable, const source_site& site = source_site::current()) {
    const submission what = detail::put_in_group<std::decay_t<F>>(core_, site, std::forward<F>(callable));
    if (!accepted(what)) [[unlikely]]
      core_.pool().refuse(what);
  }

  /// The same; what the task returns or throws is the result's too. After wait() all results are ready. When the group
  /// is cancelled first, get() throws task_cancelled.
  template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
  result<R> run_result(F&& callable, const source_site& site = source_site::current()) {
    using called = detail::result_callable<std::decay_t<F>>;
    using state_task = detail::result_task<called>;
    using parts = std::conditional_t<std::is_constructible_v<std::decay_t<F>&&, F&&>, typename called::parts,
                                     typename called::copied_parts>;
    detail::check_task(callable);
    auto block = state_task::allocate();
    detail::result_state<R>* made = nullptr;
    const submission what = detail::put_in_group<detail::result_capture<R>>(
        core_, site, static_cast<state_task*>(nullptr), block, made, parts{core_, std::forward<F>(callable)});
    result<R> got;
    if (made != nullptr) got = result<R>(*made, core_.wait_for_result());
    if (!accepted(what)) [[unlikely]]
      core_.pool().refuse(what);
    return got;
  }

  /// Until all tasks have ended, those too that come meanwhile. Throws the first exception of a task, or task_cancelled
  /// when the pool has dropped one; std::logic_error in a task of the group itself. Afterwards the group may be used
  /// again, and is no longer cancelled unless its option `stop` still says so.
  group_status wait() { return wait_until(sync::clock::time_point::max()); }
  /// group_status::pending when tasks are left then; a task that it runs itself it runs to its end.
  group_status wait_until(sync::clock::time_point deadline) {
    return core_.wait(deadline) ? core_.settle() : group_status::pending;
  }
  group_status wait_for(std::chrono::nanoseconds time) { return wait_until(deadline_after(time)); }

  /// No task is called any more that has not begun, until the end of a wait().
  void cancel() noexcept { core_.cancel(); }
  /// The group, or one around it, is cancelled.
  bool is_cancelled() const noexcept { return core_.is_cancelled(); }
  /// For tasks: a stop is requested when the group, or one around it, is cancelled. After a wait() get a new one.
  /// Allocates at first, and throws std::bad_alloc.
  std::stop_token stop_token() { return core_.stop_token(); }

  /// With group_failures::collect: what tasks have thrown since the last call, in the order in which they did.
  std::vector<group_failure> failures() { return core_.failures(); }

  /// Tasks that have not ended.
  std::size_t pending() const noexcept { return core_.pending(); }

  detail::group_core& core() noexcept { return core_; }  ///< for what is built on groups

 private:
  detail::group_core core_;
};

}  // namespace cistern::inline v0
