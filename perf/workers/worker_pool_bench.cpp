// SPDX-License-Identifier: MIT
// A worker pool from its user's side. Times are of the wall, since the work is done by others; peers are in
// tools/figures workers.
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>

namespace {

using cistern::worker_pool;
using cistern::worker_pool_options;

constexpr std::int64_t batch = 10'000;

/// Empty tasks from one thread, until all have run.
void submit(benchmark::State& state, const worker_pool_options& options) {
  worker_pool pool(options);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < batch; ++i) pool.submit([] {});
    pool.wait_idle();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK_CAPTURE(submit, unbounded, {.max_workers = 2})->UseRealTime();
BENCHMARK_CAPTURE(submit, bound_of_1024, {.max_workers = 2, .queue_bound = 1024})->UseRealTime();
BENCHMARK_CAPTURE(submit, with_times, {.max_workers = 2, .measure_times = true})->UseRealTime();

/// Tasks that a task submits.
void submit_from_within(benchmark::State& state) {
  worker_pool pool({.max_workers = 1});
  for (auto _ : state) {
    pool.submit([&pool] {
      for (std::int64_t i = 0; i < batch; ++i) pool.submit([] {});
    });
    pool.wait_idle();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(submit_from_within)->UseRealTime();

/// There and back; with and without looking for a while before a sleep.
void round_trip(benchmark::State& state, std::chrono::nanoseconds spin) {
  worker_pool pool({.max_workers = 1, .min_workers = 1, .spin = spin});
  for (auto _ : state) benchmark::DoNotOptimize(pool.submit_wait([] { return 1; }));
}
BENCHMARK_CAPTURE(round_trip, with_a_spin, std::chrono::microseconds(20))->UseRealTime();
BENCHMARK_CAPTURE(round_trip, without, std::chrono::nanoseconds(0))->UseRealTime();

/// A result that the waiting task runs itself.
void result_within_a_task(benchmark::State& state) {
  worker_pool pool({.max_workers = 1});
  pool.submit_wait([&] {
    for (auto _ : state) benchmark::DoNotOptimize(pool.submit_wait([] { return 1; }));
  });
}
BENCHMARK(result_within_a_task);

void arena_of_the_worker(benchmark::State& state) {
  worker_pool pool({.max_workers = 1});
  pool.submit_wait([&] {
    for (auto _ : state) benchmark::DoNotOptimize(&cistern::this_worker::arena());
  });
}
BENCHMARK(arena_of_the_worker);

}  // namespace
