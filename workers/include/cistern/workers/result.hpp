// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/result_state.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

/// Thrown by result<T>::get() of a task that was cancelled, or discarded by a pool that stopped.
class CISTERN_EXPORT task_cancelled : public std::runtime_error {
 public:
  task_cancelled();
};

/// What a task returns, or throws, some time after it was submitted: see worker_pool::submit_result().
///
/// In the place of std::future: one block of a pool instead of two allocations, a wait that looks for a while before it
/// sleeps, cancel(), and no wait in the destructor: who lets a result go does not care for it any more, and the task is
/// run all the same.
///
/// A worker that waits for a task of its own pool runs that task itself if nobody has begun it, and no other one. So
/// tasks that wait for tasks of their own pool need no second worker, and no lock of the waiting task is in the way of
/// a foreign one. Through a second pool they do: a task of A that waits for one of B that waits for one of A. It does
/// so whatever the submission's start_before and stop say: who waits wants the result. Where the task is of a group
/// with a max_concurrency, the worker runs what is before it in that group, and then it in its turn.
///
/// In the child of a fork a result from before has ended or never will: waits throw std::logic_error then.
///
/// Threads: one at a time. Lifetime: may outlive the pool. Happens-before: the task before the return of wait() and
/// get(), and before ready() is true. Cost: perf/workers/worker_pool_bench.cpp. Example:
/// tests/examples/result_example.cpp.
template <class T>
class [[nodiscard]] result {
 public:
  result() noexcept = default;
  result(result&& other) noexcept : state_(std::exchange(other.state_, nullptr)), wait_(other.wait_) {}
  result& operator=(result&& other) noexcept {
    if (this != &other) {
      let_go();
      state_ = std::exchange(other.state_, nullptr);
      wait_ = other.wait_;
    }
    return *this;
  }
  ~result() { let_go(); }

  /// There is a task. Not after get(), and not of a default result; those below need one, and throw std::logic_error
  /// without.
  bool valid() const noexcept { return state_ != nullptr; }

  /// It has ended: returned, thrown, or been cancelled. A load.
  bool ready() const { return detail::result_core::is_over(state().now()); }

  void wait() const { static_cast<void>(wait_until(sync::clock::time_point::max())); }
  /// False when it has not ended by then. A worker that runs the task itself does so to its end.
  bool wait_until(sync::clock::time_point deadline) const {
    detail::result_state<T>& own = state();
    if (ready()) return true;
    if (wait_.forks != detail::fork_count.load(std::memory_order_relaxed)) [[unlikely]]
      detail::refuse_foreign_result();
    return (detail::runs_for(wait_.pool) && detail::run_nested(own, wait_, deadline)) || own.wait(deadline, wait_.spin);
  }
  bool wait_for(std::chrono::nanoseconds time) const { return wait_until(deadline_after(time)); }

  /// Waits, and returns what the task returned or throws what it threw; once. Throws task_cancelled when it was not
  /// run.
  T get() {
    wait();
    struct ending {
      result& self;
      ~ending() { self.let_go(); }
    } const ends{*this};
    switch (state_->now()) {
      case detail::result_core::phase::failed:
        std::rethrow_exception(std::move(state_->failure()));
      case detail::result_core::phase::cancelled:
        throw task_cancelled();
      default:
        break;
    }
    if constexpr (std::is_reference_v<T>)
      return static_cast<T>(*state_->value());
    else if constexpr (!std::is_void_v<T>)
      return std::move(state_->value());
  }

  /// True when the task had not begun, and will not: its callable is destroyed. What is left in the queue is counted as
  /// cancelled when its turn comes.
  bool cancel() { return state().cancel(); }

  // For worker_pool.
  result(detail::result_state<T>& state, detail::result_wait wait) noexcept : state_(&state), wait_(wait) {}

 private:
  detail::result_state<T>& state() const {
    if (state_ == nullptr) detail::no_result();
    return *state_;
  }
  void let_go() noexcept {
    if (state_ != nullptr) std::exchange(state_, nullptr)->let_go();
  }

  detail::result_state<T>* state_ = nullptr;
  detail::result_wait wait_;
};

}  // namespace cistern::inline v0
