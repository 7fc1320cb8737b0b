// SPDX-License-Identifier: MIT
// What a slow path pays to make sure that a tick will come: while the thread is awake already, which it is as long as
// anything is idle; and where it is switched off.
#include <cistern/allocators/background_reclaimer.hpp>

#include <chrono>

#include <benchmark/benchmark.h>

namespace {

void wake_while_awake(benchmark::State& state) {
  cistern::background_reclaimer::enable();
  cistern::background_reclaimer::set_period(std::chrono::hours(1));  // no tick that finds nothing
  for (auto _ : state) cistern::background_reclaimer::wake();
  const auto now = cistern::background_reclaimer::statistics();
  if (!now.running || now.asleep) state.SkipWithError("it was not awake");
}

void wake_where_disabled(benchmark::State& state) {
  cistern::background_reclaimer::disable();
  for (auto _ : state) cistern::background_reclaimer::wake();
}

BENCHMARK(wake_while_awake);
BENCHMARK(wake_where_disabled);

}  // namespace
