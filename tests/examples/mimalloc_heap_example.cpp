// SPDX-License-Identifier: MIT
//
// Many small objects for one request, dropped together: nothing is freed singly.
#include <cistern/allocators/mimalloc_heap.hpp>

#include <cstdio>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>

int main() {
#if CISTERN_WITH_MIMALLOC
  cistern::mimalloc_heap heap;
  for (int request = 0; request < 3; ++request) {
    // Lives in the heap itself and ends with it, without its destructor.
    using lines = std::pmr::vector<std::pmr::string>;
    auto* const parsed = new (heap.allocate(sizeof(lines), alignof(lines))) lines(&heap);
    for (int line = 0; line < 1000; ++line) parsed->emplace_back("a header that is too long for the string itself");
    std::printf("request %d: %zu lines, %zu bytes\n", request, parsed->size(), *heap.statistics().live_bytes);
    heap.reset();
  }
#else
  std::puts("mimalloc is not installed");
#endif
}
