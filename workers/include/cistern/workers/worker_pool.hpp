// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/task.hpp>
#include <cistern/workers/worker_pool_options.hpp>
#include <cistern/workers/worker_pool_statistics.hpp>

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cistern::inline v0 {

/// Threads that run tasks: callables without arguments, each once, on whichever worker is free.
///
/// For work that is handed over: requests, jobs, pieces of a computation. Not for what must run at a time (a timer) or
/// on a thread of its own. For tasks that are waited for together see task_group; for a state in each worker,
/// stateful_worker_pool.
///
/// Workers are started as tasks come, up to max_workers, and those above min_workers end when they have been idle for a
/// while. A task waits in one queue for all, first in first out; what a task itself submits goes into its worker's own
/// deque, last in first out, from which others steal. A bounded queue is full at queue_bound tasks, and then the pool's
/// or the submission's `overflow` says what happens; what workers submit is past the bound, and never waits, so tasks
/// that submit tasks do not lock each other out.
///
/// Differences from the Go pools that it descends from (see workers/README.md): no task is lost or run twice around
/// stop() and resize(); a task that is not accepted is left as it was; a null task is refused; an exception neither
/// ends the program nor is silent; join means that the threads have ended; what a burst took in memory goes back.
///
/// Threads: all functions from any; stop(), wait_idle() and wait_paused() not from its own tasks (std::logic_error).
/// These also wait for tasks of the pool that other threads run: where there was no room, and in waits for groups.
/// Lifetime: the destructor stops it, runs what is queued, and waits for the threads; in one of its own tasks, and
/// while a group on it lives that was made outside, it ends the program with a message. Upstream and observer outlive
/// it. Fork: in the child the pool is stopped and says so; its threads and what was queued are the parent's.
///
/// Happens-before: what came before a submission happens before the task; a task before the return of its result.
/// Complexity: O(1). A small task (see task) costs no allocation, and 64 bytes while it waits; handing one over takes
/// about 40 ns, one from within 25 ns, and tens of microseconds more when a worker has to be woken
/// (perf/workers/worker_pool_bench.cpp). Failure: what a function says; std::bad_alloc leaves everything as it was.
///
/// Example: tests/examples/worker_pool_example.cpp. Design note: workers/worker_pool.md.
class CISTERN_EXPORT worker_pool {
 public:
  /// Throws std::invalid_argument that says which option is wrong and why, std::bad_alloc, and std::system_error when
  /// the first of `spawn` threads cannot be started; with fewer than asked for it runs, and counts failed_starts.
  explicit worker_pool(const worker_pool_options& options = {}) : crew_(new detail::crew(options, this)) {}
  ~worker_pool() { crew_->end(); }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  // Fire and forget. The callable is moved when the task is accepted, and only then; an lvalue is copied, before if
  // that may throw. What its copy or its move throws is passed on.

  /// In the pool's way when the queue is full. Throws submission_refused when it is not accepted, std::bad_alloc, and
  /// std::invalid_argument for a null task.
  template <class F>
  void submit(F&& callable, const source_site& site = source_site::current()) {
    sure(offer(nullptr, std::forward<F>(callable), site));
  }
  template <class F>
  void submit(const submit_options& how, F&& callable, const source_site& site = source_site::current()) {
    sure(offer(&how, std::forward<F>(callable), site));
  }

  /// Never blocks, and runs nothing here: accepted, full, stopped or no_memory. Throws std::invalid_argument for a null
  /// task.
  template <class F>
  [[nodiscard]] submission try_submit(F&& callable, const source_site& site = source_site::current()) {
    return no_memory_as_value([&] {
      auto filler = detail::filler_for(std::forward<F>(callable), site);
      return crew_->try_put(detail::erased_filler(filler));
    });
  }

  /// Waits for room until then at most, whatever the pool's way is: accepted, timed_out, stopped or no_memory.
  template <class F>
  [[nodiscard]] submission submit_until(sync::clock::time_point deadline, F&& callable,
                                        const source_site& site = source_site::current()) {
    const submit_options how{.when_full = overflow::wait, .deadline = deadline};
    return no_memory_as_value([&] { return offer(&how, std::forward<F>(callable), site); });
  }
  template <class F>
  [[nodiscard]] submission submit_for(std::chrono::nanoseconds time, F&& callable,
                                      const source_site& site = source_site::current()) {
    return submit_until(deadline_after(time), std::forward<F>(callable), site);
  }

  /// As submit(), and if the task has not been started by then it is dropped, and counted as expired.
  template <class F>
  void submit_before(sync::clock::time_point start_before, F&& callable,
                     const source_site& site = source_site::current()) {
    submit({.start_before = start_before}, std::forward<F>(callable), site);
  }

  /// Submits `count` copies of what make(i) returns, i from 0, as submit() does. How many were accepted: less than
  /// `count` only when one was refused. Passes on what make() throws, and std::bad_alloc; those before are submitted.
  template <class Make>
  std::size_t submit_bulk(std::size_t count, Make&& make, const source_site& site = source_site::current()) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!accepted(offer(nullptr, make(i), site))) return i;
    }
    return count;
  }

  // With a result.

  /// As submit(). What the task returns or throws is the result's; see there for waits of workers.
  template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
  result<R> submit_result(F&& callable, const source_site& site = source_site::current()) {
    return submit_result({}, std::forward<F>(callable), site);
  }
  template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
  result<R> submit_result(const submit_options& how, F&& callable, const source_site& site = source_site::current()) {
    using callable_type = std::decay_t<F>;
    using state_task = detail::result_task<callable_type>;
    detail::check_task(callable);
    auto block = state_task::allocate();
    detail::result_state<R>* made = nullptr;
    using block_type = typename state_task::block;
    constexpr state_task* of = nullptr;
    detail::task_filler<detail::result_capture<R>, state_task* const&, block_type&, detail::result_state<R>*&, F>
        filler(site, of, block, made, std::forward<F>(callable));
    const submission what = crew_->put(detail::erased_filler(filler), &how);
    result<R> got;
    if (made != nullptr) got = result<R>(*made, {.pool = crew_, .spin = crew_->spin()});
    sure(what);
    return got;
  }

  /// Runs it on a worker, and returns what it returns or throws what it throws.
  template <class F>
  std::invoke_result_t<std::decay_t<F>&> submit_wait(F&& callable, const source_site& site = source_site::current()) {
    return submit_result(std::forward<F>(callable), site).get();
  }

  // Control.

  /// No task is started any more; those that run go on, and submissions are accepted as before. One that a worker was
  /// just taking may still start: wait_paused() waits for that, too.
  void pause() noexcept { crew_->pause(); }
  void resume() noexcept { crew_->resume(); }
  /// Until no task runs; for after pause(). False when one still runs at the deadline.
  bool wait_paused(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return crew_->wait_until_quiet(false, deadline);
  }
  /// Until no task runs and none is queued.
  bool wait_idle(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return crew_->wait_until_quiet(true, deadline);
  }

  /// While it works. Workers that are too many end after their task. Throws as the constructor does for wrong numbers.
  void resize(std::size_t min_workers, std::size_t max_workers) { crew_->resize(min_workers, max_workers); }

  /// Accepts nothing more from outside, runs what is queued (and what that submits), and waits until all threads have
  /// ended; or until the deadline, and then says which tasks still run and since when: another stop() goes on waiting.
  stop_report stop(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return crew_->stop(false, deadline);
  }
  /// The same, but drops what is queued, and requests a stop of this_worker::stop_token(). Results of dropped tasks
  /// throw task_cancelled.
  stop_report stop_and_discard(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return crew_->stop(true, deadline);
  }
  /// The beginning of either, without a wait: for tasks.
  void request_stop(bool discard = false) noexcept { crew_->request_stop(discard); }
  /// After a stop(): accepts tasks again. Throws std::logic_error while threads still run, and in the child of a fork.
  void restart() { crew_->restart(); }
  bool is_stopped() const noexcept { return crew_->is_stopped(); }

  // Numbers.

  worker_pool_statistics statistics() const { return crew_->statistics(); }
  std::vector<running_task> running_tasks() const { return crew_->running_tasks(); }
  std::string_view name() const noexcept { return crew_->name(); }

  detail::crew& core() const noexcept { return *crew_; }  ///< for what is built on pools

 private:
  template <class F>
  submission offer(const submit_options* how, F&& callable, const source_site& site) {
    auto filler = detail::filler_for(std::forward<F>(callable), site);
    return crew_->put(detail::erased_filler(filler), how);
  }
  template <class Call>
  submission no_memory_as_value(Call&& call) {
    try {
      return call();
    } catch (const std::bad_alloc&) {
      return crew_->refused_with(submission::no_memory);
    }
  }
  void sure(submission what) const {
    if (!accepted(what)) [[unlikely]]
      crew_->refuse(what);
  }

  detail::crew* const crew_;
};

}  // namespace cistern::inline v0
