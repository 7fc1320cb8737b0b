// SPDX-License-Identifier: MIT
#pragma once

// Needs Asio: without Boost where there is one, else Boost's (also where CISTERN_BOOST_ASIO is defined); empty without.
#if __has_include(<asio/execution.hpp>) && !defined(CISTERN_BOOST_ASIO)
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#define CISTERN_POOL_EXECUTOR with_asio
#define CISTERN_POOL_EXECUTOR_ASIO ::asio
#elif __has_include(<boost/asio/execution.hpp>)
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#define CISTERN_POOL_EXECUTOR with_boost_asio
#define CISTERN_POOL_EXECUTOR_ASIO ::boost::asio
#endif

#ifdef CISTERN_POOL_EXECUTOR

#include <cistern/allocators/immortal.hpp>
#include <cistern/workers/task.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

// Of the library that it is for, so that one program may have both.
namespace detail::inline CISTERN_POOL_EXECUTOR {

namespace asio_library = CISTERN_POOL_EXECUTOR_ASIO;

/// What Asio keeps services in for executors that are made from a pool alone: the locks of strands. One for all pools
/// of the process, never destroyed.
inline asio_library::execution_context& pool_execution_context() {
  static immortal<asio_library::execution_context> context;
  return *context;
}

/// A function in memory of an allocator, which it gives back before it is called, as Asio promises.
template <class F, class Allocator>
class allocated_call {
  using allocator_type = typename std::allocator_traits<Allocator>::template rebind_alloc<F>;
  using traits = std::allocator_traits<allocator_type>;

 public:
  template <class Given>
  allocated_call(const Allocator& allocator, Given&& callable)
      : allocator_(allocator), callable_(traits::allocate(allocator_, 1)) {
    try {
      ::new (static_cast<void*>(std::to_address(callable_))) F(std::forward<Given>(callable));
    } catch (...) {
      traits::deallocate(allocator_, callable_, 1);
      throw;
    }
  }
  allocated_call(allocated_call&& other) noexcept
      : allocator_(other.allocator_), callable_(std::exchange(other.callable_, nullptr)) {}
  allocated_call& operator=(allocated_call&&) = delete;
  ~allocated_call() {
    if (callable_ != nullptr) let_go();
  }

  void operator()() {
    F callable(std::move(*callable_));
    let_go();
    std::invoke(callable);
  }

 private:
  void let_go() noexcept {
    std::destroy_at(std::to_address(callable_));
    traits::deallocate(allocator_, std::exchange(callable_, nullptr), 1);
  }

  allocator_type allocator_;
  typename traits::pointer callable_;
};

}  // namespace detail::inline CISTERN_POOL_EXECUTOR

inline namespace CISTERN_POOL_EXECUTOR {

/// A worker_pool as one of Asio's executors, so that what Asio completes runs on its workers: `asio::post(pool_executor
/// (pool), f)`, `asio::bind_executor(pool_executor(pool), handler)`, `asio::make_strand(pool_executor(pool))`,
/// `asio::co_spawn`, and any_io_executor for all that take one.
///
/// For programs that have Asio anyway. To the pool itself submit() says more: what happens when it is full, results,
/// deadlines.
///
/// What Asio may ask of it: blocking.possibly (the default: what a worker of the pool gives to it, as by
/// asio::dispatch, runs at once) and blocking.never (as by asio::post); an allocator, for functions of more than 48
/// bytes (others need no memory, and the pool has its own for them); the context. relationship makes no difference:
/// what a worker gives to its pool goes into its own deque in any case. So does outstanding_work: a pool does not end
/// when it runs out of work, so nothing keeps it from that, and worker_pool::stop() drains it. There is no
/// blocking.always: a worker that waited for its own pool could wait for itself; see worker_pool::submit_wait().
///
/// Functions run in no particular order: use a strand where they need one. They may use this_worker, whose arena is
/// rewound at the end of each function: a coroutine must hold nothing in it across a co_await. An exception of one goes
/// to the pool's on_exception, also where it runs at once.
///
/// Copies refer to the pool, which outlives its use through them, also on the threads that run an io_context whose
/// completions come here. A timer or a socket whose own executor this is has a thread of Asio's that nobody sees: for
/// these take the executor of a pool_context, which ends that thread. Threads: as worker_pool. Equal are those of one
/// pool with the same properties. Failure: never waits for room, whatever the pool's way with a full queue: throws
/// submission_refused when it is full or stopped, std::bad_alloc. That is thrown out of asio::post, and out of whatever
/// runs a completion: out of io_context::run(), or through a thread of Asio's own, which ends the program. So let the
/// pool's queue be unbounded.
///
/// Cost: what a submission costs; through any_io_executor, a strand or a timer what Asio adds.
/// Example: tests/examples/pool_executor_example.cpp.
template <class Allocator = std::allocator<void>>
class basic_pool_executor {
  using execution_blocking = detail::asio_library::execution::blocking_t;
  using execution_relationship = detail::asio_library::execution::relationship_t;
  using execution_work = detail::asio_library::execution::outstanding_work_t;
  using execution_mapping = detail::asio_library::execution::mapping_t;
  using execution_context_property = detail::asio_library::execution::context_t;
  template <class Other>
  using execution_allocator = detail::asio_library::execution::allocator_t<Other>;

 public:
  explicit basic_pool_executor(worker_pool& pool) noexcept
      : basic_pool_executor(pool, detail::pool_execution_context(), {}, 0) {}

  worker_pool& pool() const noexcept { return *pool_; }
  /// Whether what is dispatched here runs at once.
  bool running_in_this_thread() const noexcept { return this_worker::is_of(*pool_); }

  template <class F>
  void execute(F&& callable) const {
    using callable_type = std::decay_t<F>;
    if ((properties_ & never) == 0 && running_in_this_thread()) {
      run_here(callable_type(std::forward<F>(callable)));
    } else if constexpr (std::is_same_v<Allocator, std::allocator<void>> || detail::fits_in_task<callable_type>) {
      submit(std::forward<F>(callable));
    } else {
      submit(detail::allocated_call<callable_type, Allocator>(allocator_, std::forward<F>(callable)));
    }
  }

  friend bool operator==(const basic_pool_executor& a, const basic_pool_executor& b) noexcept {
    return a.pool_ == b.pool_ && a.context_ == b.context_ && a.properties_ == b.properties_ &&
           a.allocator_ == b.allocator_;
  }
  friend bool operator!=(const basic_pool_executor& a, const basic_pool_executor& b) noexcept { return !(a == b); }

  // Properties, for asio::require(), asio::prefer() and asio::query().

  basic_pool_executor require(typename execution_blocking::possibly_t) const noexcept { return without(never); }
  basic_pool_executor require(typename execution_blocking::never_t) const noexcept { return with(never); }
  basic_pool_executor require(typename execution_relationship::fork_t) const noexcept { return without(continuation); }
  basic_pool_executor require(typename execution_relationship::continuation_t) const noexcept {
    return with(continuation);
  }
  basic_pool_executor require(typename execution_work::untracked_t) const noexcept { return without(tracked); }
  basic_pool_executor require(typename execution_work::tracked_t) const noexcept { return with(tracked); }
  template <class Other>
  basic_pool_executor<Other> require(const execution_allocator<Other>& wanted) const noexcept {
    return {*pool_, *context_, wanted.value(), properties_};
  }
  basic_pool_executor<std::allocator<void>> require(const execution_allocator<void>&) const noexcept {
    return {*pool_, *context_, {}, properties_};
  }

  detail::asio_library::execution_context& query(execution_context_property) const noexcept { return *context_; }
  execution_blocking query(execution_blocking) const noexcept {
    if ((properties_ & never) != 0) return typename execution_blocking::never_t();
    return typename execution_blocking::possibly_t();
  }
  execution_relationship query(execution_relationship) const noexcept {
    if ((properties_ & continuation) != 0) return typename execution_relationship::continuation_t();
    return typename execution_relationship::fork_t();
  }
  execution_work query(execution_work) const noexcept {
    if ((properties_ & tracked) != 0) return typename execution_work::tracked_t();
    return typename execution_work::untracked_t();
  }
  static constexpr execution_mapping query(execution_mapping) noexcept {
    return typename execution_mapping::thread_t();
  }
  template <class Other>
  Allocator query(const execution_allocator<Other>&) const noexcept {
    return allocator_;
  }

  // For pool_context and require().
  basic_pool_executor(worker_pool& pool, detail::asio_library::execution_context& context, const Allocator& allocator,
                      unsigned properties) noexcept
      : pool_(&pool), context_(&context), properties_(properties), allocator_(allocator) {}

 private:
  static constexpr unsigned never = 1, continuation = 2, tracked = 4;

  basic_pool_executor with(unsigned property) const noexcept {
    return {*pool_, *context_, allocator_, properties_ | property};
  }
  basic_pool_executor without(unsigned property) const noexcept {
    return {*pool_, *context_, allocator_, properties_ & ~property};
  }

  template <class F>
  void submit(F&& callable) const {
    const submission what = pool_->try_submit(std::forward<F>(callable));
    if (!accepted(what)) [[unlikely]]
      pool_->core().refuse(what);
  }
  // Whoever dispatches is not who expects what the function throws; a task that fails is.
  template <class F>
  void run_here(F&& callable) const {
    try {
      std::invoke(callable);
    } catch (...) {
      if (!accepted(pool_->try_submit([thrown = std::current_exception()] { std::rethrow_exception(thrown); }))) throw;
    }
  }

  worker_pool* pool_;
  detail::asio_library::execution_context* context_;
  unsigned properties_;
  [[no_unique_address]] Allocator allocator_;
};

using pool_executor = basic_pool_executor<>;

/// A place for the services of timers, sockets and strands that complete on a pool: for those that are made with the
/// pool's executor itself, `asio::steady_timer timer(context.get_executor())`.
///
/// Asio waits for their events on a thread of its own, which submits to the pool. The context's destructor ends that
/// thread, and drops completions that have not come. So destroy the timers and sockets first, then the context, then
/// the pool. With an io_context that runs on threads of yours, and bind_executor(), none of this is needed.
///
/// Threads: as execution_context. Example: tests/examples/pool_executor_example.cpp.
class pool_context : public detail::asio_library::execution_context {
 public:
  using executor_type = pool_executor;

  explicit pool_context(worker_pool& pool) : pool_(&pool) {}

  executor_type get_executor() noexcept { return {*pool_, *this, {}, 0}; }

 private:
  worker_pool* pool_;
};

static_assert(detail::asio_library::execution::is_executor<pool_executor>::value);

}  // namespace CISTERN_POOL_EXECUTOR
}  // namespace cistern::inline v0

#undef CISTERN_POOL_EXECUTOR
#undef CISTERN_POOL_EXECUTOR_ASIO
#endif
