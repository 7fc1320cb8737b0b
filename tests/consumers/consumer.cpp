// SPDX-License-Identifier: MIT
// What a project that depends on cistern might write: every module, and a foreign backend by its type and by its name.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/malloc_binding.hpp>
#include <cistern/workers/concurrency.hpp>

#include <cstdio>
#include <memory_resource>
#include <string>
#include <vector>

#ifdef CONSUMER_WANTS_JEMALLOC
#include <cistern/allocators/jemalloc_backend.hpp>
#endif

int main() {
  std::pmr::vector<std::pmr::string> words(&cistern::default_backend());
  words.emplace_back("a string that is too long to be stored in place, so that it is allocated");
#ifdef CONSUMER_WANTS_JEMALLOC
  void* const block = cistern::jemalloc_backend::allocate(64, 16);
  if (block == nullptr || cistern::find_backend("jemalloc") == nullptr) return 1;
  cistern::jemalloc_backend::deallocate(block, 64, 16);
#endif
  if (!cistern::malloc_is_libc()) return 2;
  for (const auto* resource : cistern::backends())
    std::printf("%s %s\n", std::string(resource->name()).c_str(), resource->version().c_str());
  return cistern::available_concurrency() >= 1 && words.size() == 1 ? 0 : 3;
}
