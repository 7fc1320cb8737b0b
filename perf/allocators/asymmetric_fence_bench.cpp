// SPDX-License-Identifier: MIT
// Both sides of the asymmetric fence. The light one beside a store alone and a store with a real fence; the heavy one
// with the other threads of the process blocked, and with one of them running.
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

#include <benchmark/benchmark.h>

namespace {

using cistern::asymmetric_fence;

cistern::sync::atomic<std::uint32_t> word{0};

void store_alone(benchmark::State& state) {
  for (auto _ : state) {
    word.store(1, std::memory_order_relaxed);
    benchmark::ClobberMemory();
  }
}

void store_and_light_fence(benchmark::State& state) {
  bool light = asymmetric_fence::light_is_light();
  for (auto _ : state) {
    benchmark::DoNotOptimize(light);  // users read it from memory
    asymmetric_fence::store_then_light_fence(word, 1u, light);
  }
}

void store_and_real_fence(benchmark::State& state) {
  for (auto _ : state) cistern::sync::store_then_fence(word, 1u);
}

// Another thread of the process, which runs or sleeps until this is destroyed.
class companion {
 public:
  explicit companion(bool runs)
      : thread_([this, runs] {
          ready_.store(1, std::memory_order_release);  // pairs with the load in the constructor
          while (over_.load(std::memory_order_relaxed) == 0)
            runs ? cistern::sync::spin_pause() : cistern::sync::park(over_, 0);
        }) {
    while (ready_.load(std::memory_order_acquire) == 0) cistern::sync::yield();
  }
  ~companion() {
    over_.store(1, std::memory_order_relaxed);
    cistern::sync::unpark_all(over_);
    thread_.join();
  }
  companion(const companion&) = delete;
  companion& operator=(const companion&) = delete;

 private:
  cistern::sync::atomic<std::uint32_t> ready_{0}, over_{0};
  std::thread thread_;
};

void heavy_fence(benchmark::State& state, bool other_runs) {
  const companion other(other_runs);
  for (auto _ : state)
    if (!asymmetric_fence::heavy_fence()) state.SkipWithError("the kernel refused it");
}

BENCHMARK(store_alone);
BENCHMARK(store_and_light_fence);
BENCHMARK(store_and_real_fence);
BENCHMARK_CAPTURE(heavy_fence, others_blocked, false)->UseRealTime();
BENCHMARK_CAPTURE(heavy_fence, one_running, true)->UseRealTime();

}  // namespace
