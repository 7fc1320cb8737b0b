// SPDX-License-Identifier: MIT
//
// Each misuse of a worker_pool.
#include "misuse_program.hpp"
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <exception>
#include <optional>

#include <unistd.h>

namespace {

using cistern::overflow;
using cistern::worker_pool;
using cistern::worker_pool_options;

worker_pool_options plain() { return {.name = "crash", .max_workers = 1}; }

// What happens on another thread ends the program before this one goes on.
void wait() {
  for (;;) pause();
}

void destroyed_by_its_own_task() {
  std::optional<worker_pool> pool(plain());
  pool->submit([&] { pool.reset(); });
  wait();
}

void destroyed_by_a_task_within_a_wait() {
  std::optional<worker_pool> pool(plain());
  pool->submit([&] { pool->submit_wait([&] { pool.reset(); }); });
  wait();
}

void destroyed_by_its_handler_of_exceptions() {
  std::optional<worker_pool> pool;
  worker_pool_options options = plain();
  options.on_exception = [&](const std::exception_ptr&, const cistern::source_site&) { pool.reset(); };
  pool.emplace(options);
  pool->submit([] { throw 1; });
  wait();
}

// Its worker runs a task of another pool, which is full.
void destroyed_by_its_worker_as_the_guest_of_another_pool() {
  worker_pool other({.name = "other", .max_workers = 1, .queue_bound = 1, .when_full = overflow::run_here});
  other.pause();
  other.submit([] {});
  std::optional<worker_pool> pool(plain());
  pool->submit([&] { other.submit([&] { pool.reset(); }); });
  wait();
}

void destroyed_by_a_task_that_runs_where_it_was_submitted() {
  worker_pool_options options = plain();
  options.queue_bound = 1;
  options.when_full = overflow::run_here;
  std::optional<worker_pool> pool(options);
  pool->pause();
  pool->submit([] {});
  pool->submit([&] { pool.reset(); });
  wait();
}

void destroyed_before_a_group_on_it() {
  std::optional<worker_pool> pool(plain());
  const cistern::task_group group(*pool);
  pool.reset();
}

constexpr cistern::must_crash::misuse misuses[] = {
    CISTERN_MISUSE(destroyed_by_its_own_task),
    CISTERN_MISUSE(destroyed_by_a_task_within_a_wait),
    CISTERN_MISUSE(destroyed_by_its_handler_of_exceptions),
    CISTERN_MISUSE(destroyed_by_its_worker_as_the_guest_of_another_pool),
    CISTERN_MISUSE(destroyed_by_a_task_that_runs_where_it_was_submitted),
    CISTERN_MISUSE(destroyed_before_a_group_on_it),
};

}  // namespace

int main(int argc, char** argv) { return cistern::must_crash::run(misuses, argc, argv); }
