// SPDX-License-Identifier: MIT
#pragma once

#include "contender.hpp"
#include "result_slot.hpp"
#include "task_counts.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace cistern::perf {

/// What a case is told on the command line.
struct case_options : contender_options {
  bool is_small = false;  ///< a thousandth of the work: to see that it works, not to measure

  std::size_t scaled(std::size_t work) const { return is_small ? work / 1000 + 1 : work; }
};

using case_clock = std::chrono::steady_clock;

inline double nanoseconds_since(case_clock::time_point start) {
  return std::chrono::duration<double, std::nano>(case_clock::now() - start).count();
}

/// Threads that a pool starts late are there, and it has run something.
template <class Pool>
void warm_up(Pool& pool) {
  constexpr std::uint64_t tasks = 1000;
  const std::uint64_t before = task_counts::total();
  produce(pool, [&] {
    for (std::uint64_t i = 0; i < tasks; ++i) pool.submit(empty_task{});
  });
  task_counts::wait_for(before + tasks);
}

/// Nanoseconds until `tasks` copies of a task that counts itself have run, submitted by as many threads as the options
/// say, of which this is one.
template <class Pool, class Task>
double submit_all(Pool& pool, const case_options& options, std::size_t tasks, Task task) {
  const std::size_t each = tasks / options.producers;
  std::atomic<bool> begun{false};
  const auto submit = [&] {
    while (!begun.load(std::memory_order_acquire)) std::this_thread::yield();
    for (std::size_t i = 0; i < each; ++i) pool.submit(task);
  };
  const std::uint64_t before = task_counts::total();
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < options.producers; ++i) others.emplace_back([&] { produce(pool, submit); });
  case_clock::time_point start;
  produce(pool, [&] {
    start = case_clock::now();
    begun.store(true, std::memory_order_release);
    submit();
  });
  task_counts::wait_for(before + each * options.producers);
  return nanoseconds_since(start);
}

/// What a task costs that does nothing, from the first submit to the end of the last one, by threads outside the pool.
template <class Pool>
double outside(const case_options& options) {
  const std::size_t tasks = options.scaled(std::size_t{1} << 20);
  Pool pool(options);
  warm_up(pool);
  return submit_all(pool, options, tasks, empty_task{}) / static_cast<double>(tasks);
}

template <class Pool>
struct tree_task {
  Pool* pool;
  int height;

  void operator()() const {
    if (height > 0) {
      pool->submit(tree_task{pool, height - 1});
      pool->submit(tree_task{pool, height - 1});
    }
    task_counts::add_one();
  }
};

/// What a task costs that is submitted by another one: each submits two, until there are 2^20.
template <class Pool>
double tree(const case_options& options) {
  const int height = options.is_small ? 9 : 19;
  const std::uint64_t tasks = (std::uint64_t{2} << height) - 1;
  Pool pool(options);
  warm_up(pool);
  const std::uint64_t before = task_counts::total();
  const auto start = case_clock::now();
  produce(pool, [&] { pool.submit(tree_task<Pool>{&pool, height}); });
  task_counts::wait_for(before + tasks);
  return nanoseconds_since(start) / static_cast<double>(tasks);
}

template <class Pool>
int forked_fib(Pool& pool, int n) {
  if (n < 2) return n;
  int left = 0, right = 0;
  pool.both([&, n] { left = forked_fib(pool, n - 1); }, [&, n] { right = forked_fib(pool, n - 2); });
  return left + right;
}

constexpr int fib(int n) {
  int now = 0, next = 1;
  for (; n > 0; --n) now = std::exchange(next, now + next);
  return now;
}

/// What it costs to have the pool run one half of a task while the task runs the other half, and to wait for both. The
/// one who submits the first task sleeps until all is done: it is none of the workers.
template <class Pool>
double fork_join(const case_options& options) {
  const int n = options.is_small ? 12 : 27;
  const int forks = fib(n + 1) - 1;
  Pool pool(options);
  warm_up(pool);
  result_slot slot;
  const auto start = case_clock::now();
  produce(pool, [&] {
    pool.submit([&pool, &slot, n] { slot.set(forked_fib(pool, n)); });
    if (slot.park() != fib(n)) throw std::runtime_error("a fork was lost");
  });
  return nanoseconds_since(start) / forks;
}

/// Work that takes the processor only, and neither reads a clock nor touches memory.
inline void turn(std::uint64_t times) {
  for (; times > 0; --times) asm volatile("" : "+r"(times));
}

/// How often turn() turns in a microsecond when nothing disturbs it, on as many threads at once as `threads`, which may
/// share what a processor has.
inline std::uint64_t turns_per_microsecond(unsigned threads) {
  constexpr std::uint64_t turns = 200'000;
  std::vector<double> best(threads);
  {
    std::vector<std::jthread> all;
    for (double& mine : best)
      all.emplace_back([&mine] {
        mine = 1e18;
        for (int i = 0; i < 100; ++i) {
          const auto start = case_clock::now();
          turn(turns);
          mine = std::min(mine, nanoseconds_since(start));
        }
      });
  }
  return static_cast<std::uint64_t>(turns * 1000 / *std::ranges::max_element(best));
}

struct turning_task {
  std::uint64_t times;

  void operator()() const {
    turn(times);
    task_counts::add_one();
  }
};

/// What tasks of a microsecond take, over the least that they can take by as many processors as the pool uses.
template <class Pool>
double micro(const case_options& options) {
  const unsigned at_once = std::min(options.workers, std::max(1U, std::thread::hardware_concurrency()));
  const std::uint64_t times = turns_per_microsecond(at_once);
  const std::size_t tasks = options.scaled(std::size_t{1} << 18);
  Pool pool(options);
  warm_up(pool);
  const double taken = submit_all(pool, options, tasks, turning_task{times});
  return taken / (static_cast<double>(tasks) * 1000 / at_once);
}

}  // namespace cistern::perf
