// SPDX-License-Identifier: MIT
// Sections of concurrencykit's epochs, inlined in the loop.
#include "concurrencykit_sections.h"

#include <benchmark/benchmark.h>

namespace {

void concurrencykit_section(benchmark::State& state) {
  constexpr long batch = 1000;
  while (state.KeepRunningBatch(batch)) cistern_concurrencykit_sections(batch);
}

BENCHMARK(concurrencykit_section);

}  // namespace
