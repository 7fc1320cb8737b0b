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
  bool try_cancel() noexcept { return word_.move(phase::queued, phase::cancelled); }

  /// By who has begun it, once; wakes those who wait.
  void end(phase how) noexcept { word_.end(how); }

  /// Waits until it is over, or until the deadline. First looks for `spin`.
  bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
    return word_.wait(deadline, spin);
  }

 protected:
  result_core() = default;
  ~result_core() = default;

  // [a] pairs with itself: the last one destroys what the other has left.
  bool release() noexcept { return holders_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

 private:
  phase_word<phase> word_;
  sync::atomic<std::uint32_t> holders_{2};  // the task and the result
};

/// Its typed part for results of type T, for the result's side.
template <class T>
class result_state : public result_core {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate,
                                        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

  /// Runs the task on this thread if nobody has begun it; it must not be over.
  bool try_run() noexcept {
    if (!try_begin()) return false;
    run_begun();
    return true;
  }
  /// Destroys the callable, if nobody has begun it.
  bool cancel() noexcept {
    if (!try_cancel()) return false;
    drop_callable_(*this);
    return true;
  }

  void run_begun() noexcept { run_(*this); }
  void let_go() noexcept {
    if (release()) destroy_(*this);
  }

  value_type& value() noexcept { return *std::launder(reinterpret_cast<value_type*>(value_)); }
  std::exception_ptr& failure() noexcept { return failure_; }

 protected:
  using function = void (*)(result_state&) noexcept;
  result_state(function run, function drop_callable, function destroy) noexcept
      : run_(run), drop_callable_(drop_callable), destroy_(destroy) {}
  ~result_state() {
    if (now() == phase::done) std::destroy_at(&value());
  }

  template <class F>
  void call(F& callable) noexcept {
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
    end(how);
  }

 private:
  const function run_, drop_callable_, destroy_;
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

  static void run(base& state) noexcept { of(state).call(of(state).callable()); }
  static void drop_callable(base& state) noexcept { std::destroy_at(&of(state).callable()); }
  static void destroy(base& state) noexcept {
    result_task* const gone = &of(state);
    std::destroy_at(gone);
    freed{}(gone);
  }

  alignas(F) std::byte callable_[sizeof(F)];
};

/// How a result waits.
struct result_wait {
  const crew* pool = nullptr;  // only compared: it may be gone
  std::chrono::nanoseconds spin{0};
};

/// The calling thread is a worker of this pool.
CISTERN_EXPORT bool runs_for(const crew* pool) noexcept;
[[noreturn]] CISTERN_EXPORT void no_result();

/// Runs the task within the one that waits for it, if nobody has begun it.
template <class T>
bool run_nested(result_state<T>& state) noexcept {
  if (!state.try_begin()) return false;
  arena& memory = place().thread->memory;
  const arena::mark_t mark = memory.mark();
  state.run_begun();
  memory.rewind(mark);
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
    if (state_->try_begin()) state_->run_begun();
    const result_core::phase how = state_->now();
    if (how == result_core::phase::cancelled) end_running_task(task_end::cancelled);
    if (how == result_core::phase::failed) end_running_task(task_end::failed);
    std::exchange(state_, nullptr)->let_go();
  }

 private:
  result_state<T>* state_;
};

}  // namespace cistern::inline v0::detail
