// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/detail/fork_mutex.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/thread_registry.hpp>

#include <cstddef>

namespace cistern::inline v0 {

struct thread_arenas_statistics {
  std::size_t threads;       ///< that have an arena
  std::size_t in_use_bytes;  ///< of all their arenas, as in arena_statistics
  std::size_t spare_bytes;
};

/// An arena for each thread that asks: scratch memory without a lock and without handing an arena through every call.
///
/// Not a place for what another thread goes on with after the first one has ended: a thread's arena ends with the
/// thread. Use it with an arena_scope, so that the callers further up find the arena as it was:
///
///     cistern::arena_scope scope(arenas.local());
///
/// Threads: every function from any thread; the arena that local() returns is for the calling thread alone. The
/// upstream must be thread-safe. Lifetime: a thread's arena is destroyed when the thread ends, after its thread_local
/// objects; the main thread's with this object. This object is destroyed when nobody uses its arenas any more; threads
/// that had one may live on. Upstream and clock outlive both. Fork: in the child the arenas of threads that are gone
/// stay until the destructor; their spare blocks age.
///
/// Cost: local() about 1 ns, the first time on a thread an allocation (perf/allocators/arena_bench.cpp).
/// Example: tests/examples/arena_example.cpp.
class CISTERN_EXPORT thread_arenas {
 public:
  /// Throws what arena's constructor throws, and std::bad_alloc.
  explicit thread_arenas(const arena_options& options = {});
  ~thread_arenas();
  thread_arenas(const thread_arenas&) = delete;
  thread_arenas& operator=(const thread_arenas&) = delete;

  /// This thread's arena. The first call on a thread throws std::bad_alloc when there is no memory, and on a thread
  /// that is so far into its end that nobody would destroy the arena: in destructors of POSIX thread-specific data, in
  /// the last round (see thread_registry).
  arena& local() {
    if (void* const mine = thread_registry::find(id_)) [[likely]]
      return static_cast<member*>(mine)->memory;
    return make_local();
  }

  thread_arenas_statistics statistics() const noexcept;

 private:
  struct member {
    explicit member(const arena_options& options) : memory(options) {}

    arena memory;
    // Guarded by mutex_.
    member* next = nullptr;
    member* previous = nullptr;
  };

  arena& make_local();
  void destroy(member* gone) noexcept;
  static void on_thread_exit(void* self, void* value) noexcept;

  // Constant after construction.
  arena_options options_;
  thread_registry::instance id_;

  mutable detail::fork_mutex mutex_;  // held before those of the arenas
  member* first_ = nullptr;           // guarded by mutex_
};

}  // namespace cistern::inline v0
