// SPDX-License-Identifier: MIT
// The README's example: containers on an allocator that is chosen by name.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/statistics_resource.hpp>

#include <iostream>
#include <memory_resource>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  cistern::backend_resource& memory = cistern::backend(argc > 1 ? argv[1] : "system");  // or "jemalloc", "pages" ...
  cistern::statistics_resource counted(&memory);

  {
    std::pmr::vector<std::pmr::string> lines(&counted);
    for (int i = 0; i < 1000; ++i) lines.emplace_back("each line, and the vector of them, comes from the backend");
    std::cout << memory.name() << ' ' << memory.version() << ": " << to_string(counted.snapshot()) << '\n';
  }
  memory.trim();  // free memory back to the system, where the allocator can
  return counted.snapshot().live_bytes == 0 ? 0 : 1;
}
