// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

namespace cistern::perf {

struct contender_options {
  unsigned workers = 2;
  unsigned producers = 1;  ///< threads outside the pool that submit at once
  bool parks = false;      ///< nobody spins before it sleeps, as far as the contender lets its user choose
};

/// A worker pool as the cases use it: made with that many workers, all tasks of which have run before it is destroyed.
/// Its calls are inlined into the cases, so that each contender runs the same loop.
///
/// What only some have: `produce(body)`, which runs a body that submits, where a pool wants that done in a place of its
/// own; `both(left, right)`, called by a task, which has the pool run `left` while it runs `right`; `call(f)`, which
/// submits f and waits for what it returns; `is_bounded`, when a submit may wait for room.
template <class T>
concept worker_contender = std::constructible_from<T, const contender_options&> && requires(T& pool, void (*task)()) {
  pool.submit(task);
};

template <class T>
constexpr bool is_bounded = requires {
  requires T::is_bounded;
};

template <class T>
constexpr bool has_fork_join = requires(T& pool, void (*task)()) {
  pool.both(task, task);
};

template <class T>
constexpr bool has_call = requires(T& pool, int (*task)()) {
  pool.call(task);
};

template <worker_contender T, class Body>
void produce(T& pool, Body&& body) {
  if constexpr (requires { pool.produce(body); })
    pool.produce(body);
  else
    body();
}

}  // namespace cistern::perf
