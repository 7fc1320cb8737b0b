// SPDX-License-Identifier: MIT
#pragma once

// Options and a wait for the tests of bounded_pool.
#include <cistern/pools/bounded_pool.hpp>

#include <chrono>
#include <cstdint>
#include <thread>

namespace cistern::pool_tests {

inline bounded_pool_options unticked(bound by = bound::kept) { return {.name = "few", .by = by, .clock = nullptr}; }

inline bounded_pool_options total_with_wait(std::chrono::nanoseconds wait) {
  bounded_pool_options options = unticked(bound::total);
  options.max_wait = wait;
  return options;
}
inline bounded_pool_options kept_with_put_wait(std::chrono::nanoseconds wait) {
  bounded_pool_options options = unticked();
  options.max_put_wait = wait;
  return options;
}

/// Until so many gets and puts have begun to wait.
template <class Pool>
void until_waits(Pool& pool, std::uint64_t gets, std::uint64_t puts = 0) {
  while (pool.statistics().waits < gets || pool.statistics().put_waits < puts) std::this_thread::yield();
}

}  // namespace cistern::pool_tests
