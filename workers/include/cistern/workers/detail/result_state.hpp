// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/phase_word.hpp>
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/detail/worker.hpp>
#include <cistern/workers/task.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

namespace cistern::inline v0::detail {

/// What a task with a result and its result<T> share: in which phase it is, who waits, and who still holds it.
class result_core {
 public:
  enum class phase : std::uint32_t { queued, running, done, failed, cancelled };

  result_core(const result_core&) = delete;
  result_core& operator=(const result_core&) = delete;

  phase now() const noexcept { return word_.now(); }
  static bool is_over(phase what) noexcept { return phase_word<phase>::is_over(what); }

  /// Takes the task for itself: true for one caller, who runs it, or destroys it and says so.
  bool try_begin() noexcept { return word_.move(phase::queued, phase::running); }

  /// True when nobody has begun it, and nobody will until give_back(), which must come at once.
  bool borrow_queued() noexcept { return word_.borrow(phase::queued); }
  void give_back() noexcept { word_.give_back(); }

  /// Waits until it is over, or until the deadline. First looks for `spin`.
  bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
    return word_.wait(deadline, spin);
  }

 protected:
  result_core() = default;
  ~result_core() = default;

  // Held by the task and the result.
  phase_word<phase> word_;
};

/// Its typed part for results of type T, for the result's side.
template <class T>
class result_state : public result_core {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate,
                                        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

  /// Destroys the callable, if nobody has begun it; and then wakes those who wait, since it may refer to what is
  /// theirs.
  bool cancel() noexcept {
    if (!try_begin()) return false;
    drop_callable_(*this);
    word_.end(phase::cancelled);
    return true;
  }

  /// By who has begun it. Wakes those who wait.
  void run_begun() noexcept { run_(*this, false); }
  /// The same as its task, which it lets go: the way that it ended, and the state may be gone.
  phase run_begun_and_let_go() noexcept { return run_(*this, true); }
  void let_go() noexcept {
    if (word_.let_go()) destroy_(*this);
  }

  value_type& value() noexcept { return *std::launder(reinterpret_cast<value_type*>(value_)); }
  std::exception_ptr& failure() noexcept { return failure_; }

 protected:
  using run_function = phase (*)(result_state&, bool lets_go) noexcept;
  using function = void (*)(result_state&) noexcept;
  result_state(run_function run, function drop_callable, function destroy) noexcept
      : run_(run), drop_callable_(drop_callable), destroy_(destroy) {}
  ~result_state() {
    if (now() == phase::done) std::destroy_at(&value());
  }

  template <class F>
  phase call(F& callable, bool lets_go) noexcept {
    phase how = phase::failed;
    try {
      if constexpr (std::is_void_v<T>) {
        std::invoke(callable);
        ::new (static_cast<void*>(value_)) value_type();
      } else if constexpr (std::is_reference_v<T>) {
        auto&& referred = std::invoke(callable);  // so that it has an address, of whichever kind it is
        ::new (static_cast<void*>(value_)) value_type(std::addressof(referred));
      } else {
        ::new (static_cast<void*>(value_)) value_type(std::invoke(callable));
      }
      how = phase::done;
    } catch (...) {
      failure_ = std::current_exception();
    }
    std::destroy_at(&callable);
    if (!lets_go)
      word_.end(how);
    else if (word_.end_and_let_go(how))
      destroy_(*this);
    return how;
  }

 private:
  using result_core::word_;
  const run_function run_;
  const function drop_callable_, destroy_;
  std::exception_ptr failure_;
  alignas(value_type) std::byte value_[sizeof(value_type)];
};

/// And with the callable, in one block of task_memory().
template <class F>
class result_task final : public result_state<std::invoke_result_t<F&>> {
  using base = result_state<std::invoke_result_t<F&>>;

 public:
  struct freed {
    void operator()(void* block) const noexcept {
      task_memory().deallocate(block, sizeof(result_task), alignof(result_task));
    }
  };
  using block = std::unique_ptr<void, freed>;
  static block allocate() { return block(task_memory().allocate(sizeof(result_task), alignof(result_task))); }

  template <class Given>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): nobody copies or moves it
  explicit result_task(Given&& callable) : base(run, drop_callable, destroy) {
    ::new (static_cast<void*>(callable_)) F(std::forward<Given>(callable));
  }

 private:
  using base::call;
  static result_task& of(base& state) noexcept { return static_cast<result_task&>(state); }
  F& callable() noexcept { return *std::launder(reinterpret_cast<F*>(callable_)); }

  static result_core::phase run(base& state, bool lets_go) noexcept {
    return of(state).call(of(state).callable(), lets_go);
  }
  static void drop_callable(base& state) noexcept { std::destroy_at(&of(state).callable()); }
  static void destroy(base& state) noexcept {
    result_task* const gone = &of(state);
    std::destroy_at(gone);
    freed{}(gone);
  }

  alignas(F) std::byte callable_[sizeof(F)];
};

/// Another number in the child of a fork than in the parent, where there is a pool.
CISTERN_EXPORT extern constinit sync::atomic<std::uint32_t> fork_count;

/// How a result waits.
struct result_wait {
  const crew* pool = nullptr;  // only compared: it may be gone
  // The task's group, if that has a max_concurrency; there while nobody has begun the task.
  group_core* limited = nullptr;
  std::chrono::nanoseconds spin{0};
  std::uint32_t forks = fork_count.load(std::memory_order_relaxed);  // before it was made
};

/// The calling thread is a worker of this pool.
CISTERN_EXPORT bool runs_for(const crew* pool) noexcept;
[[noreturn]] CISTERN_EXPORT void no_result();
[[noreturn]] CISTERN_EXPORT void refuse_foreign_result();

/// On a worker that runs no task of this group: has it run those whose turn it is, until the result is over.
CISTERN_EXPORT void help_group_until_over(group_core& limited, result_core& result, sync::clock::time_point deadline,
                                          std::chrono::nanoseconds spin) noexcept;
/// The calling thread runs a task of the group, or of one within it.
CISTERN_EXPORT bool runs_task_of(const group_core* group) noexcept;  ///< only compared: it may be gone

/// Runs the task within the one that waits for it, if nobody has begun it; where a group must not have more tasks run
/// at a time, in its turn.
template <class T>
bool run_nested(result_state<T>& state, const result_wait& how, sync::clock::time_point deadline) noexcept {
  if (how.limited != nullptr && !runs_task_of(how.limited)) {
    help_group_until_over(*how.limited, state, deadline, how.spin);
    return false;
  }
  if (!state.try_begin()) return false;
  // As a task of the worker, of no group: also where the waiting one is of one, or a guest's of another pool.
  worker& mine = *place().thread;
  const work_place before = std::exchange(place(), {.own = &mine, .thread = &mine});
  const arena::mark_t mark = mine.memory.mark();
  state.run_begun();
  mine.memory.rewind(mark);
  place() = before;
  return true;
}

/// What lies in the queue of it.
template <class T>
class result_capture {
 public:
  using trivially_relocatable = void;

  /// Makes the state in the block, around the callable. Passes on what moving the callable throws.
  template <class F, class Given>
  result_capture(result_task<F>*, typename result_task<F>::block& block, result_state<T>*& made, Given&& callable)
      : state_(::new (block.get()) result_task<F>(std::forward<Given>(callable))) {
    static_cast<void>(block.release());
    made = state_;
  }
  result_capture(result_capture&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  result_capture& operator=(result_capture&&) = delete;
  ~result_capture() {
    if (state_ == nullptr) return;
    state_->cancel();  // dropped without a call
    state_->let_go();
  }

  void operator()() {
    result_state<T>& state = *std::exchange(state_, nullptr);
    result_core::phase how{};
    if (state.try_begin()) {
      how = state.run_begun_and_let_go();
    } else {  // cancelled, or run by who waits
      how = state.now();
      state.let_go();
    }
    if (how == result_core::phase::cancelled) end_running_task(task_end::cancelled);
    if (how == result_core::phase::failed) end_running_task(task_end::failed);
  }

 private:
  result_state<T>* state_;
};

}  // namespace cistern::inline v0::detail
