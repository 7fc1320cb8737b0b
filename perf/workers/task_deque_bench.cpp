// SPDX-License-Identifier: MIT
//
// What the deque of a worker costs its owner and its thieves.
#include <cistern/workers/detail/task_deque.hpp>

#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <thread>

#include <benchmark/benchmark.h>

namespace {

using cistern::detail::task_deque;

int tasks[1024];

// A task that is pushed and popped at once, as the last one or with others below it.
void push_and_pop(benchmark::State& state) {
  task_deque<int> deque(*std::pmr::new_delete_resource());
  for (std::int64_t below = state.range(0); below > 0; --below) deque.push(&tasks[0]);
  for (auto _ : state) {
    deque.push(&tasks[1]);
    benchmark::DoNotOptimize(deque.pop());
  }
}
BENCHMARK(push_and_pop)->ArgName("below")->Arg(0)->Arg(10);

// By the hundred: what a pair costs in a tree of tasks.
void push_and_pop_many(benchmark::State& state) {
  constexpr int count = 100;
  task_deque<int> deque(*std::pmr::new_delete_resource());
  for (auto _ : state) {
    for (int i = 0; i < count; ++i) deque.push(&tasks[i]);
    for (int i = 0; i < count; ++i) benchmark::DoNotOptimize(deque.pop());
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(push_and_pop_many);

void pop_of_nothing(benchmark::State& state) {
  task_deque<int> deque(*std::pmr::new_delete_resource());
  for (auto _ : state) benchmark::DoNotOptimize(deque.pop());
}
BENCHMARK(pop_of_nothing);

void steal_of_nothing(benchmark::State& state) {
  task_deque<int> deque(*std::pmr::new_delete_resource());
  for (auto _ : state) benchmark::DoNotOptimize(deque.steal());
}
BENCHMARK(steal_of_nothing);

// By one thread, with nobody in the way: each item is a push and a steal.
void push_and_steal_many(benchmark::State& state) {
  constexpr int count = 100;
  task_deque<int> deque(*std::pmr::new_delete_resource());
  for (auto _ : state) {
    for (int i = 0; i < count; ++i) deque.push(&tasks[i]);
    for (int i = 0; i < count; ++i) benchmark::DoNotOptimize(deque.steal());
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(push_and_steal_many);

// The owner pushes two and pops one, and a thief takes what it can get. How dear that is depends on how the two meet:
// expect 15 to 100 ns.
void push_and_pop_with_a_thief(benchmark::State& state) {
  task_deque<int> deque(*std::pmr::new_delete_resource());
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> stolen{0};
  std::thread thief([&] {
    std::uint64_t count = 0;
    while (!stop.load(std::memory_order_relaxed)) count += deque.steal() != nullptr ? 1U : 0U;
    stolen = count;
  });
  for (auto _ : state) {
    deque.push(&tasks[0]);
    deque.push(&tasks[1]);
    benchmark::DoNotOptimize(deque.pop());
  }
  stop = true;
  thief.join();
  state.counters["stolen"] = benchmark::Counter(static_cast<double>(stolen), benchmark::Counter::kAvgIterations);
}
BENCHMARK(push_and_pop_with_a_thief)->UseRealTime();

}  // namespace
