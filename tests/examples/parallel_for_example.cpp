// SPDX-License-Identifier: MIT
// Loops that a pool runs together with the thread that asks for them.
#include <cistern/workers/parallel_for.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <cstddef>
#include <iostream>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <vector>

int main() {
  cistern::worker_pool pool;

  std::vector<double> values(100'000, 2.0);
  cistern::parallel_for(pool, values.size(), [&](std::size_t i) { values[i] *= static_cast<double>(i); });

  // Any range of integers; each call may use its thread's arena, and loops may be nested.
  std::atomic<long> sum = 0;
  cistern::for_each_index(pool, -10, 11, [&](int row) {
    std::pmr::vector<int> squares(&cistern::this_worker::arena());
    squares.resize(10, row * row);
    cistern::parallel_for(pool, squares.size(), [&](std::size_t i) { sum += squares[i]; });
  });

  // The first exception ends the loop.
  bool ended = false;
  try {
    cistern::parallel_for(pool, 1000, [](std::size_t i) {
      if (i == 500) throw std::runtime_error("at " + std::to_string(i));
    });
  } catch (const std::runtime_error& error) {
    std::cout << error.what() << '\n';
    ended = true;
  }
  return values[4] == 8.0 && sum == 7700 && ended ? 0 : 1;
}
