// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/arena.hpp>

namespace cistern::inline v0 {

/// Takes back, at its end, all that was allocated from an arena since its beginning.
///
/// For a task, or a function's temporaries, on an arena that others use before and after. Scopes of one arena nest: the
/// last one begun ends first. What lies in the scope's memory, a container on it for example, is destroyed before: it
/// is declared after the scope. A reset() of the arena meanwhile is the end of the program where it shows.
///
/// Threads: the arena's. Lifetime: the arena outlives it. Cost: about 2 ns for both ends
/// (perf/allocators/arena_bench.cpp). Example: tests/examples/arena_example.cpp.
class [[nodiscard("a temporary takes back at once")]] arena_scope {
 public:
  explicit arena_scope(arena & memory) noexcept : arena_(memory), mark_(memory.mark()) {}
  ~arena_scope() { arena_.rewind(mark_); }
  arena_scope(const arena_scope&) = delete;
  arena_scope& operator=(const arena_scope&) = delete;

  arena& memory() const noexcept { return arena_; }

 private:
  arena& arena_;
  const arena::mark_t mark_;
};

}  // namespace cistern::inline v0
