// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/stateful_core.hpp>
#include <cistern/workers/processed.hpp>
#include <cistern/workers/stateful_worker_pool_options.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

namespace detail {

template <class State, class Factory>
class state_kind_of final : public state_kind {
  static constexpr bool with_ready = requires(State & state) { state.ready(); };
  static constexpr bool with_interrupt = requires(State & state) { state.interrupt(); };
  static constexpr bool with_terminate = requires(State & state) { state.terminate(); };
  // A hook that cannot be called as it should be would not be called at all.
  static_assert(
      with_ready || !requires { &State::ready; }, "ready() takes arguments, or cannot be reached");
  static_assert(
      with_interrupt || !requires { &State::interrupt; }, "interrupt() takes arguments, or cannot be reached");
  static_assert(
      with_terminate || !requires { &State::terminate; }, "terminate() takes arguments, or cannot be reached");

 public:
  explicit state_kind_of(Factory&& factory)
      : state_kind(with_ready, with_interrupt), factory_(std::forward<Factory>(factory)) {}

  void* make() override { return new State(factory_()); }
  void end(void* state) noexcept override {
    const std::unique_ptr<State> own(static_cast<State*>(state));
    if constexpr (with_terminate) own->terminate();
  }
  void ready(void* state) noexcept override {
    if constexpr (with_ready) static_cast<State*>(state)->ready();
  }
  void interrupt(void* state) noexcept override {
    if constexpr (with_interrupt) static_cast<State*>(state)->interrupt();
  }

 private:
  std::decay_t<Factory> factory_;
};

}  // namespace detail

/// Workers that each have a State of their own, and synchronous calls of it: the role of tunny.
///
/// For what is made once for each thread, and used by one call at a time: a parser, an interpreter, a device, a library
/// that wants to be used by the thread that opened it. Without such a state use worker_pool; for states that any thread
/// may use, a bounded_pool of them costs 7 ns where a call here costs a way to another thread and back.
///
/// State is any class with `process(in)`, which may be overloaded or a template, and returns a value or nothing. It is
/// made by the factory on a worker's thread, and its functions are called and it is destroyed on that thread, and only
/// there, except for interrupt(). It need not be movable if the factory returns it as a temporary. Of these it may have
/// any:
///   - `void ready()`: called before the worker waits for its first call, and after each one, when the caller has its
///     value already. Until it returns the worker takes no call, and others do.
///   - `void interrupt()`: called when a caller leaves, at its deadline or for its stop_token, while process() runs for
///     it; on the caller's thread, or that of who requested the stop; and by stop_and_discard(). It should make
///     process() return soon. process() cannot end before interrupt() has returned, so it must not wait for that; it is
///     never called while nothing runs, nor for another call.
///   - `void terminate()`: called before the destructor.
/// What these three throw ends the program.
///
/// Differences from tunny: the state's thread is always the same; a call that is given up before it began is never
/// begun; what process() throws reaches the caller; the caller that leaves leaves nothing behind that process() could
/// still write to; a call is not made by one of the pool's own workers, which would wait for itself: that is
/// std::logic_error.
///
/// States that cannot be made: if the constructor cannot make each of the first ones, it throws what the first one that
/// failed has thrown. Later (after resize(), or when a thread could be started only then) it is counted, reported to
/// on_failed_state, and tried again after a pause of 1 ms that doubles up to 1 s; other workers take the calls. Only
/// where there is no other one (the pool stops, or has become smaller) is it tried once more for a call, whose caller
/// gets what that throws.
///
/// Threads: all functions from any but its own workers. The factory is called by several threads at a time. Lifetime:
/// the destructor stops it as stop() does; no call may begin any more, or run, by then. On one of its own workers it
/// ends the program with a message. Fork: in the child calls say `stopped`, and states stay as they are.
///
/// Happens-before: what came before a call before its process(); that before the call's return; and the calls of one
/// state one before the other.
/// Complexity: O(1), a block of task_memory() for each call, two with measure_times. A call costs two handovers between
/// threads, as worker_pool::submit_wait() does, and 0.4 us more, with ready() and interrupt() or without: 0.8 us in all
/// while both sides still look for it (see spin), and tens of microseconds where they sleep
/// (perf/workers/stateful_worker_pool_bench.cpp).
/// Failure: as each function says.
///
/// Example: tests/examples/stateful_worker_pool_example.cpp.
template <class State>
class stateful_worker_pool {
  static_assert(std::is_object_v<State> && !std::is_const_v<State> && !std::is_array_v<State>);
  template <class In>
  using out = typename detail::request<State, In>::out;
  template <class In>
  using kept_out = out<std::decay_t<In>>;

 public:
  /// With states made by State's default constructor.
  explicit stateful_worker_pool(
      const stateful_worker_pool_options& options = {}) requires std::default_initializable<State>
      : stateful_worker_pool([] { return State(); }, options) {}

  /// factory() gives a State, or what one is made from. Throws std::invalid_argument that says which option is wrong,
  /// std::bad_alloc, std::system_error when no thread can be started, and what the factory throws.
  template <class Factory>
  requires std::constructible_from < State, std::invoke_result_t < std::decay_t<Factory>
  & >> || std::same_as<State, std::invoke_result_t<std::decay_t<Factory>&>> explicit stateful_worker_pool(
              Factory&& factory, const stateful_worker_pool_options& options = {})
      : core_(new detail::stateful_core(
            options, std::make_unique<detail::state_kind_of<State, Factory>>(std::forward<Factory>(factory)))) {}
  ~stateful_worker_pool() { core_->end(); }
  stateful_worker_pool(const stateful_worker_pool&) = delete;
  stateful_worker_pool& operator=(const stateful_worker_pool&) = delete;

  /// Has a state process `in`, and returns what that returns or throws what it throws. process() gets `in` itself: what
  /// is an lvalue here is one there. Throws process_failed when the pool is stopped or stops and discards, and
  /// std::bad_alloc; `in` is as it was then.
  template <class In>
  out<In&&> process(In&& in, const source_site& site = source_site::current()) {
    return call<In&&>(std::forward<In>(in), sync::clock::time_point::max(), {}, site).value();
  }

  // These come back without a value when they have to, and throw only what process() throws and copying `in` does.
  // process() gets an object of its own, moved or copied from `in`, as an rvalue, since it may still run when the
  // caller has left; an `in` that was moved from is gone then. What it refers to must live on, as for any thread.

  template <class In>
  processed<kept_out<In>> process_until(sync::clock::time_point deadline, In&& in, const std::stop_token& stop = {},
                                        const source_site& site = source_site::current()) {
    return call<std::decay_t<In>>(std::forward<In>(in), deadline, stop, site);
  }
  template <class In>
  processed<kept_out<In>> process_for(std::chrono::nanoseconds time, In&& in, const std::stop_token& stop = {},
                                      const source_site& site = source_site::current()) {
    return call<std::decay_t<In>>(std::forward<In>(in), deadline_after(time), stop, site);
  }
  template <class In>
  processed<kept_out<In>> process(const std::stop_token& stop, In&& in,
                                  const source_site& site = source_site::current()) {
    return call<std::decay_t<In>>(std::forward<In>(in), sync::clock::time_point::max(), stop, site);
  }

  /// While it works: new states are made by and by; workers that are too many end after the call that they are at. 0
  /// and wrong numbers: as in the options.
  void resize(std::size_t workers) { core_->resize(workers); }

  /// Accepts no more calls, does those that wait, ends the states, and waits until all threads have ended; or until the
  /// deadline, and then says which calls still run: another stop() goes on waiting.
  stop_report stop(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return core_->stop(false, deadline);
  }
  /// The same, but the calls that wait come back as `stopped`, and those that run are interrupted; their callers get
  /// what process() makes of that.
  stop_report stop_and_discard(sync::clock::time_point deadline = sync::clock::time_point::max()) {
    return core_->stop(true, deadline);
  }
  bool is_stopped() const noexcept { return core_->pool().is_stopped(); }

  /// Calls whose turn has not come, also those that are about to be queued or wait for room.
  std::size_t queue_length() const noexcept { return core_->waiting(); }
  stateful_worker_pool_statistics statistics() const { return core_->statistics(); }
  std::string_view name() const noexcept { return core_->pool().name(); }

 private:
  template <class Held, class In>
  processed<out<Held>> call(In&& in, sync::clock::time_point deadline, const std::stop_token& stop,
                            const source_site& site) {
    using request = detail::request<State, Held>;
    struct let_go {
      void operator()(request* held) const noexcept { held->let_go(); }
    };
    const std::unique_ptr<request, let_go> made(request::make(std::forward<In>(in)));
    if (made == nullptr) return process_error::no_memory;
    if (const auto error = core_->call(*made, deadline, stop, site)) return *error;
    if (made->failure() != nullptr) std::rethrow_exception(std::move(made->failure()));
    return processed<out<Held>>(std::move(made->output()));
  }

  detail::stateful_core* const core_;
};

}  // namespace cistern::inline v0
