// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/phase_word.hpp>
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/processed.hpp>
#include <cistern/workers/stateful_worker_pool_options.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace cistern::inline v0::detail {

/// Makes and ends states of one type, and calls their hooks.
class state_kind {
 public:
  state_kind(bool with_ready, bool with_interrupt) noexcept : has_ready(with_ready), has_interrupt(with_interrupt) {}
  virtual ~state_kind() = default;
  virtual void* make() = 0;                            // passes on what the factory throws
  virtual void end(void* state) noexcept = 0;          // terminate(), and destroys it
  virtual void ready(void* /*state*/) noexcept {}      // may take its time
  virtual void interrupt(void* /*state*/) noexcept {}  // on any thread

  const bool has_ready, has_interrupt;
};

class request_core;

/// The place of a worker's state.
struct alignas(64) state_seat {
  void* state = nullptr;  // the worker's thread's

  // With states that can be interrupted: which call runs, so that no other one is interrupted.
  mutex lock;
  request_core* running = nullptr;  // guarded by lock
};

/// A call: who runs it, who has left. The typed part has what goes in and comes out. In a block of task_memory() that
/// the caller and the task hold.
class CISTERN_EXPORT request_core {
 public:
  enum class phase : std::uint32_t {
    queued,
    running,
    done,      // with a value
    failed,    // with an exception
    dropped,   // by the pool: never begun
    given_up,  // by the caller: never begun
    left,      // by the caller, while it runs
  };

  request_core(const request_core&) = delete;
  request_core& operator=(const request_core&) = delete;

  phase now() const noexcept { return word_.now(); }
  /// Sleeps until it is neither queued nor running; false at the deadline. First looks for `spin`.
  bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
    return word_.wait(deadline, spin);
  }
  /// Out of one phase into another one, and wakes the caller if that is an end.
  bool move(phase from, phase to) noexcept { return word_.move(from, to); }

  virtual phase run(void* state) noexcept = 0;  // done or failed
  virtual void fail(std::exception_ptr why) noexcept = 0;
  virtual void drop_input() noexcept = 0;
  void let_go() noexcept {
    if (word_.let_go()) destroy();
  }

  state_seat* seat = nullptr;  // of the worker that runs it; written before `running`

 protected:
  request_core() = default;
  ~request_core() = default;
  virtual void destroy() noexcept = 0;

 private:
  phase_word<phase> word_;  // held by the caller and the task
};

/// Held is the type of what goes in: an object that the request has for itself, or a reference to the caller's.
template <class State, class Held>
class request final : public request_core {
 public:
  using out = decltype(std::declval<State&>().process(std::declval<Held&&>()));
  static_assert(!std::is_reference_v<out>, "what process() refers to may be changed by the next call: return a value");
  using value_type = std::conditional_t<std::is_void_v<out>, std::monostate, out>;

  /// nullptr without memory. Passes on what making Held throws.
  template <class In>
  static request* make(In&& in) {
    struct freed {
      void operator()(void* block) const noexcept {
        task_memory().deallocate(block, sizeof(request), alignof(request));
      }
    };
    std::unique_ptr<void, freed> block(task_memory().try_allocate(sizeof(request), alignof(request)));
    if (block == nullptr) return nullptr;
    auto* const made = ::new (block.get()) request(std::forward<In>(in));
    static_cast<void>(block.release());
    return made;
  }

  phase run(void* state) noexcept override {
    phase how = phase::failed;
    try {
      State& own = *static_cast<State*>(state);
      if constexpr (std::is_void_v<out>) {
        own.process(std::get<0>(std::move(*input_)));
        output_.emplace();
      } else {
        output_.emplace(own.process(std::get<0>(std::move(*input_))));
      }
      how = phase::done;
    } catch (...) {
      failure_ = std::current_exception();
    }
    input_.reset();
    return how;
  }
  void fail(std::exception_ptr why) noexcept override { failure_ = std::move(why); }
  void drop_input() noexcept override { input_.reset(); }

  value_type& output() noexcept { return *output_; }
  std::exception_ptr& failure() noexcept { return failure_; }

 private:
  template <class In>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): nobody copies or moves it
  explicit request(In&& in) : input_(std::in_place, std::forward<In>(in)) {}
  ~request() = default;
  void destroy() noexcept override {
    this->~request();
    task_memory().deallocate(this, sizeof(request), alignof(request));
  }

  std::optional<std::tuple<Held>> input_;
  std::optional<value_type> output_;
  std::exception_ptr failure_;
};

/// What a stateful_worker_pool consists of, whatever the type of its states.
class CISTERN_EXPORT stateful_core final : private worker_observer {
 public:
  stateful_core(const stateful_worker_pool_options& options, std::unique_ptr<state_kind> kind);
  /// As the pool is destroyed.
  void end() noexcept;

  /// Has a worker run it, and waits for that: done, failed, or the error in its place.
  std::optional<process_error> call(request_core& request, sync::clock::time_point deadline,
                                    const std::stop_token& stop, const source_site& site);

  void resize(std::size_t workers);
  stop_report stop(bool discard, sync::clock::time_point deadline);
  worker_pool& pool() noexcept { return pool_; }
  const worker_pool& pool() const noexcept { return pool_; }
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  stateful_worker_pool_statistics statistics() const;

 private:
  class request_task;
  static constexpr std::size_t block_seats = 16;
  using seat_block = std::array<state_seat, block_seats>;

  ~stateful_core() override = default;

  void worker_started(std::size_t index) noexcept override;
  void worker_ended(std::size_t index) noexcept override;
  std::exception_ptr try_make(state_seat& seat) noexcept;
  void make_late(state_seat& seat) noexcept;
  bool is_surplus() const;
  void report(const std::exception_ptr& failure) noexcept;

  void run(request_core& request) noexcept;
  bool begin(state_seat& seat, request_core& request) noexcept;
  void end(state_seat& seat, request_core& request, request_core::phase how) noexcept;
  void drop(request_core& request) noexcept;
  bool give_up(request_core& request) noexcept;
  void interrupt(state_seat& seat, const request_core* only) noexcept;
  void interrupt_all() noexcept;
  void tell() noexcept;

  worker_pool_options prepare(const stateful_worker_pool_options& options);
  void wait_for_first_states();
  void reserve_seats(std::size_t count);
  state_seat& seat_of(std::size_t index) noexcept {
    return (*blocks_[index / block_seats].load(std::memory_order_acquire))[index % block_seats];  // [d] pairs with [e]
  }

  const std::unique_ptr<state_kind> kind_;
  const std::function<void(std::exception_ptr)> on_failed_state_;

  sync::atomic<std::size_t> waiting_{0}, processing_{0}, states_{0};
  sync::atomic<std::uint64_t> completed_{0}, failed_{0}, timed_out_{0}, cancelled_{0}, stopped_{0}, interrupted_{0},
      failed_states_{0};
  sync::atomic<bool> stops_{false}, discards_{false};

  // Bumped when a state was made or was not, and for those who wait to try again.
  sync::atomic<std::uint32_t> turns_{0};

  mutex mutex_;
  // Guarded by mutex_.
  bool is_starting_ = true;
  std::size_t first_ends_ = 0;        // states made, or failed, while it starts
  std::exception_ptr first_failure_;  // of those that failed

  mutex resizing_;
  // Guarded by resizing_.
  std::array<std::unique_ptr<seat_block>, worker_pool_options::most_workers / block_seats> owned_blocks_;
  std::array<sync::atomic<seat_block*>, worker_pool_options::most_workers / block_seats> blocks_{};

  worker_pool pool_;  // the last: its threads use the others
};

}  // namespace cistern::inline v0::detail
