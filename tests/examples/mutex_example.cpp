// SPDX-License-Identifier: MIT
// A lock that may be used before main and after it: no constructor runs, and no destructor.
#include <cistern/allocators/mutex.hpp>

#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

namespace {
constinit cistern::mutex lock;
int entries = 0;  // guarded by lock
}  // namespace

int main() {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([] {
        const std::scoped_lock held(lock);
        ++entries;
      });
  }
  std::cout << entries << " threads were here\n";
  return entries == 4 ? 0 : 1;
}
