// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>

namespace cistern::perf {

inline constexpr std::size_t pair_bytes = 64;

/// Nanoseconds that one allocation with its free takes: the best of 15 repetitions of some 20 ms each. `allocate()`
/// and `deallocate(block)` are inlined. The block escapes, so neither call can be left out.
template <class Allocate, class Deallocate>
[[gnu::noinline]] double pair_nanoseconds(Allocate allocate, Deallocate deallocate) {
  using clock = std::chrono::steady_clock;
  const auto run = [&](long pairs) __attribute__((noinline)) {
    const auto start = clock::now();
    for (long i = 0; i < pairs; ++i) {
      void* block = allocate();
      asm volatile("" : "+r"(block) : : "memory");
      deallocate(block);
    }
    return std::chrono::duration<double, std::nano>(clock::now() - start).count();
  };
  constexpr long trial = 100'000;
  constexpr double repetition = 20e6;
  run(trial);
  const long pairs = static_cast<long>(repetition * trial / run(trial));
  double best = run(pairs);
  for (int i = 1; i < 15; ++i) best = std::min(best, run(pairs));
  return best / static_cast<double>(pairs);
}

inline int print_nanoseconds(double value) { return std::printf("%.3f\n", value) > 0 ? 0 : 1; }

}  // namespace cistern::perf
