// SPDX-License-Identifier: MIT
//
// What groups cost: a fork and its join, a round trip, loops.
#include <cistern/workers/parallel_for.hpp>
#include <cistern/workers/sub_pool.hpp>
#include <cistern/workers/task_batch.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using cistern::task_group;
using cistern::worker_pool;

int fib(worker_pool& pool, int n) {
  if (n < 2) return n;
  int left = 0;
  task_group group(pool);
  group.run([&, n] { left = fib(pool, n - 1); });
  const int right = fib(pool, n - 2);
  group.wait();
  return left + right;
}

// Each fork does nothing else; items are forks.
void fork_and_join(benchmark::State& state) {
  const auto workers = static_cast<std::size_t>(state.range(0));
  worker_pool pool({.max_workers = workers, .min_workers = workers});
  constexpr int n = 20, forks = 10945;
  for (auto _ : state) benchmark::DoNotOptimize(pool.submit_wait([&] { return fib(pool, n); }));
  state.SetItemsProcessed(state.iterations() * forks);
}
BENCHMARK(fork_and_join)->ArgName("workers")->Arg(1)->Arg(2)->UseRealTime();

// A group with one task, by a worker, which runs it itself unless another one steals it.
void round_trip_of_a_worker(benchmark::State& state) {
  worker_pool pool({.max_workers = 1});
  pool.submit_wait([&] {
    int calls = 0;
    for (auto _ : state) {
      task_group group(pool);
      group.run([&] { ++calls; });
      group.wait();
    }
  });
}
BENCHMARK(round_trip_of_a_worker);

// The same by another thread, which helps or finds it done.
void round_trip_from_outside(benchmark::State& state) {
  worker_pool pool({.max_workers = 1, .min_workers = 1});
  int calls = 0;
  for (auto _ : state) {
    task_group group(pool);
    group.run([&] { ++calls; });
    group.wait();
  }
}
BENCHMARK(round_trip_from_outside)->UseRealTime();

// Many tasks of one group, by another thread.
void tasks_from_outside(benchmark::State& state) {
  worker_pool pool({.max_workers = 2, .min_workers = 2});
  constexpr int count = 1000;
  for (auto _ : state) {
    task_group group(pool);
    for (int i = 0; i < count; ++i) group.run([] {});
    group.wait();
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(tasks_from_outside)->UseRealTime();

void tasks_with_a_limit(benchmark::State& state) {
  worker_pool pool({.max_workers = 2, .min_workers = 2});
  cistern::sub_pool part(pool, 1);
  constexpr int count = 1000;
  for (auto _ : state) {
    for (int i = 0; i < count; ++i) part.submit([] {});
    part.wait_idle();
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(tasks_with_a_limit)->UseRealTime();

void results_as_they_come(benchmark::State& state) {
  worker_pool pool({.max_workers = 2, .min_workers = 2});
  constexpr int count = 1000;
  for (auto _ : state) {
    cistern::task_batch<int> batch(pool);
    for (int i = 0; i < count; ++i) batch.run([i] { return i; });
    while (auto item = batch.next()) benchmark::DoNotOptimize(item->get());
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(results_as_they_come)->UseRealTime();

// A loop whose body is a few nanoseconds; one index is the cost of a loop.
void loop(benchmark::State& state) {
  worker_pool pool({.max_workers = 1, .min_workers = 1});
  std::vector<double> values(static_cast<std::size_t>(state.range(0)), 1.5);
  for (auto _ : state) {
    cistern::parallel_for(pool, values.size(), [&](std::size_t i) { values[i] = values[i] * 1.5 + 1; });
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(loop)->ArgName("indices")->Arg(1)->Arg(1000)->Arg(1'000'000)->UseRealTime();

}  // namespace
