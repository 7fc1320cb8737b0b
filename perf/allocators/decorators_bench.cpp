// SPDX-License-Identifier: MIT
// What each decorator adds to a pair of allocate and deallocate through std::pmr::memory_resource. The upstream hands
// out one block that it keeps, so that the decorator is nearly all there is; "none" is the price of the loop itself.
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/limit_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/allocators/tracking_resource.hpp>

#include <memory_resource>

#include <benchmark/benchmark.h>

namespace {

class one_block final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t, std::size_t) override {
    // Each thread has its own: tracking_resource would notice a block that is given out twice.
    alignas(std::max_align_t) thread_local std::byte block[64];
    return block;
  }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

void pairs(benchmark::State& state, std::pmr::memory_resource& resource) {
  for (auto _ : state) {
    void* const block = resource.allocate(64);
    benchmark::DoNotOptimize(block);
    resource.deallocate(block, 64);
  }
  state.SetItemsProcessed(state.iterations());
}

one_block upstream;
cistern::memory_budget budget;

void none(benchmark::State& state) { pairs(state, upstream); }

void statistics(benchmark::State& state) {
  static cistern::statistics_resource resource(&upstream);
  pairs(state, resource);
}

void limit(benchmark::State& state) {
  static cistern::limit_resource resource(budget, &upstream);
  pairs(state, resource);
}

void fail_nth(benchmark::State& state) {
  static cistern::fail_nth_resource resource(&upstream);
  pairs(state, resource);
}

void tracking(benchmark::State& state) {
  static cistern::tracking_resource resource(&upstream);
  pairs(state, resource);
}

BENCHMARK(none)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(statistics)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(limit)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(fail_nth)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(tracking)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
