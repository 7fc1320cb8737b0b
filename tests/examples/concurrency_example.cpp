// SPDX-License-Identifier: MIT
// As many threads as can really run: a container's quota counts, not only the machine's processors.
#include <cistern/workers/concurrency.hpp>

#include <iostream>
#include <thread>
#include <vector>

int main() {
  std::vector<std::jthread> threads(static_cast<std::size_t>(cistern::available_concurrency()));
  for (auto& thread : threads) thread = std::jthread([] { /* work */ });
  std::cout << threads.size() << " of " << std::thread::hardware_concurrency() << " processors\n";
}
