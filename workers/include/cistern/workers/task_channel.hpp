// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

namespace detail {

/// Where threads wait for a channel to change; all but the waits with the channel's mutex held.
class channel_waits {
 public:
  void changed() noexcept {
    turn_.fetch_add(1, std::memory_order_relaxed);
    if (waiting_ != 0) sync::unpark_all(turn_);
  }
  /// False when the deadline has passed.
  bool wait(std::unique_lock<mutex>& lock, sync::clock::time_point deadline) noexcept {
    const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
    ++waiting_;
    lock.unlock();
    const bool in_time = sync::park_until(turn_, turn, deadline);
    lock.lock();
    --waiting_;
    return in_time;
  }

 private:
  sync::atomic<std::uint32_t> turn_{0};  // changed with the mutex held
  std::size_t waiting_ = 0;
};

CISTERN_EXPORT void warn_of_unread(std::size_t values, const char* function) noexcept;

}  // namespace detail

/// Values on their way from tasks to whoever reads them: first in, first out. The role of the channels of results and
/// errors of dpaks/goworkers, which drop what does not fit; here nothing is lost without a word.
///
/// For results that are worth reading one by one, and errors (T may be std::exception_ptr). For the results of a known
/// number of tasks take task_batch; for one, result.
///
/// When it is full, push() waits and try_push() gives the value back. The reader is not one of the tasks that push,
/// unless it is unbounded: all workers might wait for room. close() ends it: push() refuses from then on, and pop()
/// hands out what is left, then nothing. Values that nobody has read when the channel is destroyed are counted and
/// reported, on standard error unless `on_unread` is given.
///
/// Threads: all functions from any. Lifetime: nobody uses it when it is destroyed. Happens-before: a push before the
/// pop of its value. Failure: std::bad_alloc, and what moving a T throws; then nothing has happened. Cost: a mutex.
/// Example: tests/examples/task_group_example.cpp.
template <class T>
class task_channel {
 public:
  static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

  /// A bound of 0 takes no value.
  explicit task_channel(std::size_t bound = unbounded, std::function<void(std::size_t unread)> on_unread = {})
      : bound_(bound), on_unread_(std::move(on_unread)) {}
  /// What on_unread throws ends the program.
  ~task_channel() {
    if (values_.empty()) return;
    if (on_unread_)
      on_unread_(values_.size());
    else
      detail::warn_of_unread(values_.size(), __PRETTY_FUNCTION__);
  }
  task_channel(const task_channel&) = delete;
  task_channel& operator=(const task_channel&) = delete;

  /// Waits for room. False when the channel is closed; then, and when it throws, the value is as it was.
  template <class U = T>
  [[nodiscard]] bool push(U&& value) {
    return push_until(sync::clock::time_point::max(), std::forward<U>(value));
  }
  template <class U = T>
  [[nodiscard]] bool push_until(sync::clock::time_point deadline, U&& value) {
    std::unique_lock lock(mutex_);
    for (bool in_time = true; !closed_;) {
      if (values_.size() < bound_) {
        values_.emplace_back(std::forward<U>(value));
        filled_.changed();
        return true;
      }
      if (!in_time) break;
      in_time = emptied_.wait(lock, deadline);
    }
    return false;
  }
  template <class U = T>
  [[nodiscard]] bool try_push(U&& value) {
    return push_until(sync::clock::time_point::min(), std::forward<U>(value));
  }

  /// Waits for a value. None when the channel is closed and empty.
  std::optional<T> pop() { return pop_until(sync::clock::time_point::max()); }
  /// None also when there was no value by then.
  std::optional<T> pop_until(sync::clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    for (bool in_time = true;;) {
      if (!values_.empty()) {
        std::optional<T> value(std::move(values_.front()));
        values_.pop_front();
        emptied_.changed();
        return value;
      }
      if (closed_ || !in_time) return std::nullopt;
      in_time = filled_.wait(lock, deadline);
    }
  }
  std::optional<T> try_pop() { return pop_until(sync::clock::time_point::min()); }

  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    filled_.changed();
    emptied_.changed();
  }

  /// Values that wait to be read.
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return values_.size();
  }

 private:
  const std::size_t bound_;                           // constant
  const std::function<void(std::size_t)> on_unread_;  // constant
  mutable mutex mutex_;
  // Guarded by mutex_.
  std::deque<T> values_;
  bool closed_ = false;
  detail::channel_waits filled_, emptied_;
};

/// A task that has its result, or its exception, go to one of two channels: goworkers' SubmitCheckResult. For
/// worker_pool::submit() and task_group::run(). The channels outlive it. What a channel that is closed does not take is
/// gone, but for an exception, which the task throws itself then.
template <class T, class Error, class F>
auto sends_to(task_channel<T>& results, task_channel<Error>& errors, F&& callable) {
  return [&results, &errors, callable = std::forward<F>(callable)]() mutable {
    try {
      static_cast<void>(results.push(std::invoke(callable)));
    } catch (...) {
      if (!errors.push(std::current_exception())) throw;
    }
  };
}

}  // namespace cistern::inline v0
