// SPDX-License-Identifier: MIT
// What a call of a stateful_worker_pool costs, beside a task of a plain pool that is waited for. Times are of the wall.
#include <cistern/workers/stateful_worker_pool.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <chrono>

#include <benchmark/benchmark.h>

namespace {

struct plain {
  int process(int in) { return in; }
};

struct with_hooks {
  int process(int in) { return in; }
  void ready() {}
  void interrupt() {}
};

template <class State>
void call(benchmark::State& state) {
  cistern::stateful_worker_pool<State> pool({.workers = 1, .spin = std::chrono::microseconds(state.range(0))});
  for (auto _ : state) benchmark::DoNotOptimize(pool.process(1));
}
BENCHMARK(call<plain>)->Name("call")->ArgName("spin_us")->Arg(20)->Arg(0)->UseRealTime();
BENCHMARK(call<with_hooks>)->Name("call_with_hooks")->ArgName("spin_us")->Arg(20)->Arg(0)->UseRealTime();

void submit_wait(benchmark::State& state) {
  cistern::worker_pool pool({.max_workers = 1, .min_workers = 1, .spin = std::chrono::microseconds(state.range(0))});
  for (auto _ : state) benchmark::DoNotOptimize(pool.submit_wait([] { return 1; }));
}
BENCHMARK(submit_wait)->ArgName("spin_us")->Arg(20)->Arg(0)->UseRealTime();

}  // namespace
