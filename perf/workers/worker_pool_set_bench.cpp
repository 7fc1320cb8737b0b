// SPDX-License-Identifier: MIT
// What the choice of a pool costs, by either way, for two and four idle pools.
#include <cistern/workers/worker_pool_set.hpp>

#include <cstddef>

#include <benchmark/benchmark.h>

namespace {

void next(benchmark::State& state, cistern::pool_choice choice) {
  cistern::worker_pool_set pools(
      {.pools = static_cast<std::size_t>(state.range(0)), .choice = choice, .each = {.max_workers = 1}});
  for (auto _ : state) benchmark::DoNotOptimize(&pools.next());
}
BENCHMARK_CAPTURE(next, round_robin, cistern::pool_choice::round_robin)->ArgName("pools")->Arg(2)->Arg(4);
BENCHMARK_CAPTURE(next, least_loaded, cistern::pool_choice::least_loaded)->ArgName("pools")->Arg(2)->Arg(4);

}  // namespace
