// SPDX-License-Identifier: MIT
//
// The calls that an inline backend makes, made directly by a program that links the allocator the plain way: what the
// backend is measured against. Compiled once for each allocator, with CISTERN_DIRECT_... saying which. These programs
// have another malloc, by that very way of linking.
#include "pair.hpp"

#include <cstddef>

extern "C" {
#if defined(CISTERN_DIRECT_JEMALLOC)
void* malloc(std::size_t) noexcept;
void* mallocx(std::size_t, int) noexcept;
void sdallocx(void*, std::size_t, int) noexcept;
#elif defined(CISTERN_DIRECT_MIMALLOC)
void* mi_malloc(std::size_t) noexcept;
void mi_free(void*) noexcept;
#elif defined(CISTERN_DIRECT_TCMALLOC)
void* tc_malloc(std::size_t) noexcept;
void tc_free_sized(void*, std::size_t) noexcept;
#endif
}

namespace {

using cistern::perf::pair_bytes;

void* take() {
#if defined(CISTERN_DIRECT_JEMALLOC) && CISTERN_JEMALLOC_SHIM  // where the backend has no better call either
  return mallocx(pair_bytes, 0);
#elif defined(CISTERN_DIRECT_JEMALLOC)
  return malloc(pair_bytes);
#elif defined(CISTERN_DIRECT_MIMALLOC)
  return mi_malloc(pair_bytes);
#elif defined(CISTERN_DIRECT_TCMALLOC)
  return tc_malloc(pair_bytes);
#endif
}

void give(void* block) {
#if defined(CISTERN_DIRECT_JEMALLOC)
  sdallocx(block, pair_bytes, 0);
#elif defined(CISTERN_DIRECT_MIMALLOC)
  mi_free(block);
#elif defined(CISTERN_DIRECT_TCMALLOC)
  tc_free_sized(block, pair_bytes);
#endif
}

}  // namespace

int main() {
  return cistern::perf::print_nanoseconds(
      cistern::perf::pair_nanoseconds([] { return take(); }, [](void* block) { give(block); }));
}
