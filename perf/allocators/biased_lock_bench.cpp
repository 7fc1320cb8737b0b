// SPDX-License-Identifier: MIT
// The owner's lock and unlock, beside a mutex's; and a visit, whose heavy fence is nearly all of it.
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/biased_lock.hpp>
#include <cistern/allocators/mutex.hpp>

#include <mutex>

#include <benchmark/benchmark.h>

namespace {

void owner(benchmark::State& state) {
  static cistern::biased_lock lock;
  bool light = cistern::asymmetric_fence::light_is_light();
  for (auto _ : state) {
    benchmark::DoNotOptimize(light);  // users read it from memory
    lock.lock(light);
    benchmark::ClobberMemory();
    lock.unlock();
  }
}

void mutex(benchmark::State& state) {
  static cistern::mutex lock;
  for (auto _ : state) {
    const std::scoped_lock held(lock);
    benchmark::ClobberMemory();
  }
}

void visitor(benchmark::State& state) {
  static cistern::biased_lock lock;
  for (auto _ : state) {
    lock.announce();
    if (!cistern::asymmetric_fence::heavy_fence() || !lock.try_enter(1)) state.SkipWithError("did not enter");
    lock.leave();
  }
}

BENCHMARK(owner);
BENCHMARK(mutex);
BENCHMARK(visitor);

}  // namespace
