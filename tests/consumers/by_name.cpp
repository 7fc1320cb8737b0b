// SPDX-License-Identifier: MIT
// A program that uses every backend it links by its name alone, so that nothing but the link options keeps them in.
#include <cistern/allocators/backend_registry.hpp>

#include <cstdio>

namespace {

int absent(const char* name) {
  if (cistern::find_backend(name) != nullptr) return 0;
  std::printf("%s was linked and is not there\n", name);
  return 1;
}

}  // namespace

int main() {
  int missing = 0;
#if CISTERN_WITH_JEMALLOC
  missing += absent("jemalloc");
#endif
#if CISTERN_WITH_MIMALLOC
  missing += absent("mimalloc");
#endif
#if CISTERN_WITH_TCMALLOC
  missing += absent("tcmalloc");
#endif
#if CISTERN_WITH_TBB
  missing += absent("tbb");
#endif
  return missing + absent("system");
}
