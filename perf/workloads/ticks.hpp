// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <ctime>
#endif

namespace cistern::perf {

/// The cheapest clock that is fit to time one call: the time stamp counter on x86-64, else CLOCK_MONOTONIC. What a
/// tick is worth is found by comparing with the monotonic clock over a whole pass.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  // The fences keep the timed call from overlapping the reading on either side.
  _mm_lfence();
  const std::uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
#else
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

/// What two readings with nothing between them differ by: the smallest of many.
inline std::uint64_t ticks_overhead() noexcept {
  std::uint64_t least = ~std::uint64_t{0};
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t from = ticks(), to = ticks();
    if (to > from && to - from < least) least = to - from;
  }
  return least == ~std::uint64_t{0} ? 0 : least;
}

}  // namespace cistern::perf
