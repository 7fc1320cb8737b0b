// SPDX-License-Identifier: MIT
//
// inline_pair <name>: nanoseconds of a 64 B pair through the inline backend of that name; or through a
// std::pmr::memory_resource: `system-resource` is the system backend behind one, `new-delete-resource` the standard's.
#include "pair.hpp"
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>
#include <cistern/allocators/mimalloc_backend.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <cistern/allocators/tbb_backend.hpp>
#include <cistern/allocators/tcmalloc_backend.hpp>

#include <cstddef>
#include <cstdio>
#include <memory_resource>
#include <string_view>

namespace {

using cistern::perf::pair_bytes;
using cistern::perf::pair_nanoseconds;

constexpr std::size_t alignment = alignof(std::max_align_t);

template <class Backend>
double through_backend() {
  constexpr Backend backend;
  return pair_nanoseconds([=] { return backend.allocate(pair_bytes, alignment); },
                          [=](void* block) { backend.deallocate(block, pair_bytes, alignment); });
}

double through_resource(std::pmr::memory_resource& resource) {
  return pair_nanoseconds([&] { return resource.allocate(pair_bytes, alignment); },
                          [&](void* block) { resource.deallocate(block, pair_bytes, alignment); });
}

struct entry {
  std::string_view name;
  double (*measure)();
};

constexpr entry entries[] = {
    {"system", through_backend<cistern::system_backend>},
#if CISTERN_WITH_JEMALLOC
    {"jemalloc", through_backend<cistern::jemalloc_backend>},
#endif
#if CISTERN_WITH_MIMALLOC
    {"mimalloc", through_backend<cistern::mimalloc_backend>},
#endif
#if CISTERN_WITH_TCMALLOC
    {"tcmalloc", through_backend<cistern::tcmalloc_backend>},
#endif
#if CISTERN_WITH_TBB
    {"tbb", through_backend<cistern::tbb_backend>},
#endif
    {"system-resource", [] { return through_resource(cistern::backend("system")); }},
    {"new-delete-resource", [] { return through_resource(*std::pmr::new_delete_resource()); }},
};

}  // namespace

int main(int argc, char** argv) {
  for (const entry& one : entries)
    if (argc == 2 && one.name == argv[1]) return cistern::perf::print_nanoseconds(one.measure());
  std::fprintf(stderr, "inline_pair: give one of:");
  for (const entry& one : entries) std::fprintf(stderr, " %s", one.name.data());
  std::fprintf(stderr, "\n");
  return 2;
}
