// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/group_capture.hpp>
#include <cistern/workers/detail/group_core.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/task_group_options.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cistern::inline v0 {

namespace detail {

/// How one task of a batch stands.
struct batch_entry {
  explicit batch_entry(std::size_t at) noexcept : index(at) {}

  const std::size_t index;
  bool is_cancelled = false;
  std::exception_ptr failure;
  batch_entry* next = nullptr;          // of those that have ended, guarded by the batch's mutex
  bool is_handed_out = false;           // by next(), or its value by get(); the same
  sync::atomic<bool> has_ended{false};  // [b]
};

/// The part of a task_batch that does not depend on the type of its results.
class CISTERN_EXPORT batch_core {
 public:
  batch_core(crew& pool, const task_group_options& options);

  group_core& group() noexcept { return group_; }

  void end(batch_entry& entry) noexcept;           ///< by a task, once
  void take_failure(batch_entry& entry) noexcept;  ///< in a handler

  batch_entry* next(sync::clock::time_point deadline);
  void wait_for(batch_entry& entry);
  /// Marks it as handed out; false when it was already.
  bool take(batch_entry& entry) noexcept;
  [[noreturn]] static void refuse_index(std::size_t index, std::size_t size);
  [[noreturn]] static void refuse_second_get(std::size_t index);

 private:
  batch_entry* pop_ended() noexcept;

  const bool cancels_;
  mutable mutex mutex_;
  batch_entry* first_ended_ = nullptr;  // guarded by mutex_, as is the next one
  batch_entry* last_ended_ = nullptr;
  sync::atomic<std::size_t> unread_{0};  // that have ended and are in that list
  group_core group_;                     // last: its end waits for tasks, which use the others
};

}  // namespace detail

/// What one task of a task_batch came to.
template <class T>
class batch_item {
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  batch_item(std::size_t index, std::variant<value_type, std::exception_ptr>&& outcome)
      : index_(index), outcome_(std::move(outcome)) {}

  /// Of the task: how many were submitted before it.
  std::size_t index() const noexcept { return index_; }
  bool has_value() const noexcept { return outcome_.index() == 0; }
  /// What it threw; task_cancelled when it was not called. Null when it returned.
  std::exception_ptr exception() const noexcept { return has_value() ? nullptr : std::get<1>(outcome_); }
  /// Moves the value out, or throws what the task threw.
  T get() {
    if (!has_value()) std::rethrow_exception(std::get<1>(outcome_));
    if constexpr (!std::is_void_v<T>) return std::move(std::get<0>(outcome_));
  }

 private:
  std::size_t index_;
  std::variant<value_type, std::exception_ptr> outcome_;
};

/// Tasks with results of one type, which are read as they come, or in the order in which the tasks were submitted.
///
/// For a number of requests of which the answers are wanted. The role of go-playground's Batch and pond's groups with
/// results. A task that throws is an item that says so, and the others go on; with group_failures::cancel_rest it
/// cancels them, and those not begun are items with task_cancelled. None is left out.
///
/// Waits help, as those of task_group do. Each item is handed out once, by next() or by get(). What is not read goes
/// with the batch, exceptions too: they are not reported.
///
/// Threads: run() one at a time; the rest by any, also while run() goes on. Lifetime, happens-before, bounds and
/// failure: as task_group; the destructor cancels what has not begun. Its memory grows with each task until it is
/// destroyed. Example: tests/examples/task_group_example.cpp.
template <class T>
class task_batch {
  static_assert(!std::is_reference_v<T>);
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  struct entry : detail::batch_entry {
    using batch_entry::batch_entry;
    std::optional<value_type> value;
  };

  template <class F>
  class call {
   public:
    template <class Given>
    call(task_batch& batch, entry& in, Given&& callable) : batch_(&batch), entry_(&in) {
      std::construct_at(&callable_, std::forward<Given>(callable));
    }
    call(call&& other) noexcept(std::is_nothrow_move_constructible_v<F>) : batch_(other.batch_) {
      std::construct_at(&callable_, std::move(other.callable_));
      std::destroy_at(&other.callable_);
      entry_ = std::exchange(other.entry_, nullptr);
    }
    call& operator=(call&&) = delete;
    ~call() {
      if (entry_ == nullptr) return;
      std::destroy_at(&callable_);
      entry_->is_cancelled = true;
      batch_->core_.end(*entry_);
    }
    void operator()() {
      entry& own = *std::exchange(entry_, nullptr);
      try {
        if constexpr (std::is_void_v<T>) {
          std::invoke(callable_);
          own.value.emplace();
        } else {
          own.value.emplace(std::invoke(callable_));
        }
      } catch (...) {
        batch_->core_.take_failure(own);
      }
      std::destroy_at(&callable_);  // before the item is handed out: it may refer to what is the reader's
      batch_->core_.end(own);
    }

   private:
    task_batch* batch_;
    entry* entry_ = nullptr;  // null when there is no callable any more
    union {
      F callable_;
    };
  };

 public:
  explicit task_batch(worker_pool& pool, const task_group_options& options = {.failures = group_failures::collect})
      : core_(pool.core(), options) {}
  ~task_batch() { core_.group().cancel(); }
  task_batch(const task_batch&) = delete;
  task_batch& operator=(const task_batch&) = delete;

  /// See task_group::run(). The task's index: how many were submitted before.
  template <class F>
  requires std::convertible_to < std::invoke_result_t < std::decay_t<F>
  & >, T > || std::is_void_v<T> std::size_t run(F&& callable, const source_site& site = source_site::current()) {
    struct taking_back {
      task_batch* batch;
      ~taking_back() {
        if (batch == nullptr) return;
        const std::scoped_lock lock(batch->mutex_);
        batch->entries_.pop_back();
      }
    } refused{this};
    entry* made = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      made = &entries_.emplace_back(entries_.size());
    }
    const submission what =
        detail::put_in_group<call<std::decay_t<F>>>(core_.group(), site, *this, *made, std::forward<F>(callable));
    if (!accepted(what)) core_.group().pool().refuse(what);
    refused.batch = nullptr;
    const std::scoped_lock lock(mutex_);
    accepted_ = entries_.size();
    return made->index;
  }

  /// The next one that has ended, in the order in which they do. None when all that were submitted are handed out.
  std::optional<batch_item<T>> next() { return next_until(sync::clock::time_point::max()); }
  /// None also when there was none by then.
  std::optional<batch_item<T>> next_until(sync::clock::time_point deadline) {
    detail::batch_entry* const ended = core_.next(deadline);
    if (ended == nullptr) return std::nullopt;
    return item_of(static_cast<entry&>(*ended));
  }

  /// What the task of this index returned, or throws what it threw. Waits for it alone. Throws std::out_of_range, and
  /// std::logic_error when it was handed out before.
  T get(std::size_t index) {
    entry& wanted = at(index);
    core_.wait_for(wanted);
    if (!core_.take(wanted)) detail::batch_core::refuse_second_get(index);
    return item_of(wanted).get();
  }

  /// Waits for all, and returns their values in the order of the tasks; throws the exception of the first one that has
  /// one. None may have been handed out.
  std::vector<value_type> results() requires(!std::is_void_v<T>) {
    std::vector<value_type> values;
    const std::size_t count = size();
    values.reserve(count);
    for (std::size_t i = 0; i < count; ++i) values.push_back(get(i));
    return values;
  }

  /// Until all tasks have ended; false when some have not by then. Throws nothing of theirs.
  bool wait(sync::clock::time_point deadline = sync::clock::time_point::max()) { return core_.group().wait(deadline); }
  /// Tasks that have not begun are items with task_cancelled, also those that come later.
  void cancel() noexcept { core_.group().cancel(); }

  /// Tasks that were submitted.
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return accepted_;
  }

 private:
  entry& at(std::size_t index) {
    const std::scoped_lock lock(mutex_);
    if (index >= accepted_) detail::batch_core::refuse_index(index, accepted_);
    return entries_[index];
  }
  static batch_item<T> item_of(entry& ended) {
    using outcome = std::variant<value_type, std::exception_ptr>;
    if (ended.value) {
      batch_item<T> item(ended.index, outcome(std::in_place_index<0>, std::move(*ended.value)));
      ended.value.reset();
      return item;
    }
    if (ended.is_cancelled)
      return {ended.index, outcome(std::in_place_index<1>, std::make_exception_ptr(task_cancelled()))};
    return {ended.index, outcome(std::in_place_index<1>, ended.failure)};
  }

  mutable mutex mutex_;
  std::deque<entry> entries_;  // guarded by mutex_, as is the next one; but each stays where it is
  std::size_t accepted_ = 0;   // of them; one more may be on its way in, or refused
  detail::batch_core core_;    // last: its end waits for the tasks
};

}  // namespace cistern::inline v0
