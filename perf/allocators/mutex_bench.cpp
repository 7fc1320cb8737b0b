// SPDX-License-Identifier: MIT
// A lock and an unlock around one addition, against std::mutex; with several threads the addition is contended.
#include <cistern/allocators/mutex.hpp>

#include <mutex>

#include <benchmark/benchmark.h>

namespace {

template <class Mutex>
void lock_and_unlock(benchmark::State& state) {
  static Mutex mutex;
  static long sum = 0;
  for (auto _ : state) {
    const std::scoped_lock lock(mutex);
    benchmark::DoNotOptimize(++sum);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(lock_and_unlock<cistern::mutex>)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();
BENCHMARK(lock_and_unlock<std::mutex>)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();

}  // namespace
