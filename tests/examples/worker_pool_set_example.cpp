// SPDX-License-Identifier: MIT
// Several worker pools as one.
#include <cistern/workers/worker_pool_set.hpp>

#include <array>
#include <atomic>
#include <iostream>

int main() {
  std::atomic<int> served{0};

  // Four pools of two workers; each task goes to the one that has least to do, so that tenants who keep a pool busy
  // leave the others to the rest.
  cistern::worker_pool_set set({
      .name = "tenants",
      .pools = 4,
      .choice = cistern::pool_choice::least_loaded,
      .each = {.max_workers = 2, .queue_bound = 1000, .when_full = cistern::overflow::reject},
  });
  for (int i = 0; i < 100; ++i) set.submit([&] { ++served; });
  const int answer = set.submit_result([] { return 42; }).get();
  set.wait_idle();
  std::cout << to_string(set.statistics()) << '\n';

  // Pools that differ, one for what is slow; in turn, or one of them by its number.
  const std::array<cistern::worker_pool_options, 2> options{{{.name = "quick"}, {.name = "slow", .max_workers = 1}}};
  cistern::worker_pool_set both(options);
  both[1].submit([&] { ++served; });
  both.submit([&] { ++served; });

  // All stop at once.
  return both.stop().ended && set.stop().ended && served == 102 && answer == 42 ? 0 : 1;
}
