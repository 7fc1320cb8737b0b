// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/source_site.hpp>
#include <cistern/workers/detail/index_loop.hpp>
#include <cistern/workers/task_group.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <type_traits>

namespace cistern::inline v0 {

/// How a loop is run by a pool.
struct loop_options {
  /// So many indices are done by a thread at a time at least, but for the last ones. They are taken from a number
  /// that all share, so the default is right but for bodies of a few nanoseconds whose times differ much.
  std::size_t grain = 1;
  /// A request ends the loop.
  std::stop_token stop = {};
};

namespace detail {

/// What the tasks of a loop share.
template <class Index, class Body>
struct shared_loop {
  task_group& group;
  index_loop left;
  const Index begin;
  Body& body;
  const source_site& site;

  // Without a sign, so that nothing overflows.
  Index at(std::uint64_t i) const noexcept { return static_cast<Index>(static_cast<std::uint64_t>(begin) + i); }
};

/// One thread's part of a loop.
template <class Index, class Body>
class loop_task {
 public:
  explicit loop_task(shared_loop<Index, Body>& loop) noexcept : loop_(&loop) {}

  void operator()() const {
    if (!loop_->left.is_left()) return;
    loop_->left.add_thread();
    offer_to_another();
    for (;;) {
      const index_loop::run mine = loop_->left.claim();
      if (mine.first == mine.end || loop_->group.is_cancelled()) return;
      for (std::uint64_t i = mine.first; i != mine.end; ++i) std::invoke(loop_->body, loop_->at(i));
    }
  }

 private:
  // There is always one more task than there are threads at work, so a worker that has nothing else to do joins in.
  void offer_to_another() const noexcept {
    try {
      loop_->group.run(*this, loop_->site);
    } catch (...) {  // no memory, or the pool has been stopped: with those threads that there are
    }
  }

  shared_loop<Index, Body>* loop_;
};

}  // namespace detail

/// Calls body(i) for each i from begin up to, but not including, end; on workers of the pool and on this thread, which
/// helps until all is done.
///
/// For loops whose calls do not depend on each other. Threads take runs of indices, long ones at first, so bodies may
/// take very different times. Workers join in as they become free. From inside a task too, and nested; one worker is
/// enough. Not for loops that take less than some microseconds in all: a plain one is faster then.
///
/// Body: called by several threads at once, one call for each index; not copied. this_worker::arena() is rewound when a
/// thread has done its part, not after each call. Throws what the first call threw that did so; no more runs of indices
/// are begun then, and some may not have been called. Also std::bad_alloc and submission_refused before any call.
/// Returns group_status::cancelled when a stop was requested, of loop_options::stop or of a group around it.
///
/// Happens-before: what came before the call happens before each body(i), and these before its return. Cost: 1.4 us
/// for a loop of one index, 12 us for one of 1000 that do nothing (perf/workers/task_group_bench.cpp). Example:
/// tests/examples/parallel_for_example.cpp.
template <std::integral Index, class Body>
requires std::invocable < std::remove_reference_t<Body>
&, Index > group_status for_each_index(worker_pool& pool, Index begin, Index end, Body&& body,
                                       const loop_options& options = {},
                                       const source_site& site = source_site::current()) {
  using callable = std::remove_reference_t<Body>;
  detail::check_task(body);
  if (!(begin < end)) return group_status::complete;
  const std::uint64_t count = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin);
  task_group group(pool, {.stop = options.stop});
  detail::shared_loop<Index, callable> loop{group, {count, options.grain}, begin, body, site};
  group.run(detail::loop_task<Index, callable>(loop), site);
  return group.wait();
}

/// The same from 0 to `count`.
template <class Body>
requires std::invocable < std::remove_reference_t<Body>
&, std::size_t > group_status parallel_for(worker_pool& pool, std::size_t count, Body&& body,
                                           const loop_options& options = {},
                                           const source_site& site = source_site::current()) {
  return for_each_index(pool, std::size_t{0}, count, body, options, site);
}

}  // namespace cistern::inline v0
