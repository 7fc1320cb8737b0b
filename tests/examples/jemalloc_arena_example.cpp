// SPDX-License-Identifier: MIT
//
// A cache whose memory can be asked for and taken away apart from the rest of the program.
#include <cistern/allocators/jemalloc_arena.hpp>

#include <cstdio>
#include <memory_resource>
#include <string>
#include <unordered_map>

int main() {
#if CISTERN_WITH_JEMALLOC
  cistern::jemalloc_arena arena;
  {
    std::pmr::unordered_map<int, std::pmr::string> cache(&arena);
    for (int key = 0; key < 1000; ++key) cache[key] = "a value that is too long to lie in the string itself";
    std::printf("the cache holds %zu bytes\n", *arena.statistics().live_bytes);
  }
  arena.purge();
  std::printf("after it: %zu bytes live, %zu resident\n", *arena.statistics().live_bytes,
              *arena.statistics().resident_bytes);
#else
  std::puts("jemalloc is not installed");
#endif
}
