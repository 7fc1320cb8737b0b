// SPDX-License-Identifier: MIT
// The README's example: a pool in each of its forms, on an allocator that is chosen by name.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <iostream>
#include <memory_resource>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  cistern::bucket_pool pool({
      .name = "requests",
      .upstream = &cistern::backend(argc > 1 ? argv[1] : "pages"),  // or "system", "jemalloc", "mimalloc" ...
  });
  {
    std::pmr::vector<std::pmr::string> lines(&pool);  // as a std::pmr::memory_resource
    for (int i = 0; i < 1000; ++i) lines.emplace_back("each line, and the vector of them, comes from the pool");
    std::vector<int, cistern::allocator<int>> numbers(1000, 0, pool);  // without a virtual call
    cistern::buffer block = pool.get(1500);  // 1500 bytes in a block of 1536, which puts itself back
    std::cout << block.size() << " of " << block.capacity() << " bytes\n" << to_string(pool.statistics()) << '\n';
  }
  pool.trim();  // all that is idle goes back now, instead of within three ticks of a second
  return pool.statistics().live == 0 ? 0 : 1;
}
