// SPDX-License-Identifier: MIT
// The shared queue of a worker pool by itself: one thread that pushes and pops, at several lengths, and a look at an
// empty queue. What two threads make of it depends on where they run: see tools/figures workers.
#include <cistern/workers/detail/task_queue.hpp>

#include <cstddef>
#include <memory_resource>

#include <benchmark/benchmark.h>

namespace {

using cistern::detail::task_queue;

void push(task_queue& queue) {
  const auto nothing = [] {};
  auto filler = cistern::detail::filler_for(nothing, cistern::source_site::current());
  benchmark::DoNotOptimize(queue.push(filler));
}

/// A pair, with so many tasks in the queue.
void push_and_pop(benchmark::State& state) {
  task_queue queue(*std::pmr::new_delete_resource());
  for (std::int64_t i = 0; i < state.range(0); ++i) push(queue);
  cistern::task popped;
  for (auto _ : state) {
    push(queue);
    benchmark::DoNotOptimize(queue.pop(popped));
    popped();
  }
}

void pop_of_nothing(benchmark::State& state) {
  task_queue queue(*std::pmr::new_delete_resource());
  cistern::task none;
  for (auto _ : state) benchmark::DoNotOptimize(queue.pop(none));
}

BENCHMARK(push_and_pop)->Arg(0)->Arg(1000)->Arg(100'000);
BENCHMARK(pop_of_nothing);

}  // namespace
