// SPDX-License-Identifier: MIT
//
// Three ways to choose an allocator: by the name that the user gives, by the environment, and by type where
// nanoseconds count.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/malloc_binding.hpp>
#include <cistern/allocators/system_backend.hpp>

#include <cstdio>
#include <exception>
#include <memory_resource>
#include <string>
#include <vector>

namespace {

// Code that is given its allocator as a type calls it without indirection.
template <cistern::memory_backend Backend>
void fill_and_free(Backend backend) {
  const std::size_t bytes = backend.good_size(1000);  // what a request for 1000 gets anyway
  void* const block = backend.allocate(bytes, 64);
  if (block == nullptr) return;
  backend.deallocate(block, bytes, 64);
}

}  // namespace

int main(int argc, char** argv) try {
  const bool by_name = argc > 1;
  cistern::backend_resource& chosen = by_name ? cistern::backend(argv[1]) : cistern::default_backend();
  std::pmr::vector<int> numbers({1, 2, 3}, &chosen);
  std::printf("%zu numbers on %s %s\n", numbers.size(), std::string(chosen.name()).c_str(), chosen.version().c_str());

  for (const cistern::backend_resource* one : cistern::backends())
    std::printf("present: %s\n", std::string(one->name()).c_str());
  std::printf("malloc itself is in %s\n", cistern::malloc_binding().malloc_file.c_str());
  fill_and_free(cistern::system_backend{});
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
