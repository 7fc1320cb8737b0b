// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <benchmark/benchmark.h>

namespace cistern::perf {

/// A loop of regions: `Region` is made before it, and each call enters one and leaves it.
///
/// The speed of so few instructions depends on where they lie in their cache lines. So a loop is measured at four
/// places, and a figure is the median of them.
template <class Region, int Place>
void regions(benchmark::State& state) {
  Region region;
  asm volatile(".rept %c0\n nop\n .endr" : : "i"(16 * Place));
  for (auto _ : state) region();
}

template <class Region>
bool add_regions(const std::string& name) {
  benchmark::RegisterBenchmark((name + "/0").c_str(), regions<Region, 0>);
  benchmark::RegisterBenchmark((name + "/1").c_str(), regions<Region, 1>);
  benchmark::RegisterBenchmark((name + "/2").c_str(), regions<Region, 2>);
  benchmark::RegisterBenchmark((name + "/3").c_str(), regions<Region, 3>);
  return true;
}

}  // namespace cistern::perf
