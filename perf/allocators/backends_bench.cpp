// SPDX-License-Identifier: MIT
//
// One allocation with its free, the block still in the cache: each backend inline, the same behind
// std::pmr::memory_resource, and the standard's new_delete_resource. The difference of the first two is the price of
// the virtual calls; system_backend against new_delete_resource is why system_backend calls malloc itself.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/jemalloc_arena.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>
#include <cistern/allocators/mimalloc_backend.hpp>
#include <cistern/allocators/mimalloc_heap.hpp>
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <cistern/allocators/tbb_backend.hpp>
#include <cistern/allocators/tcmalloc_backend.hpp>

#include <cstddef>
#include <memory_resource>

#include <benchmark/benchmark.h>

namespace {

constexpr std::size_t alignment = alignof(std::max_align_t);

template <class Backend>
void inlined(benchmark::State& state) {
  const Backend backend{};
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    void* block = backend.allocate(bytes, alignment);
    benchmark::DoNotOptimize(block);
    backend.deallocate(block, bytes, alignment);
  }
}

void pair_through(std::pmr::memory_resource& resource, benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    void* block = resource.allocate(bytes, alignment);
    benchmark::DoNotOptimize(block);
    resource.deallocate(block, bytes, alignment);
  }
}

template <class Backend>
void behind_resource(benchmark::State& state) {
  pair_through(cistern::backend(Backend{}.name()), state);
}

template <class Resource>
void own(benchmark::State& state) {
  Resource resource;
  pair_through(resource, state);
}

void new_delete_resource(benchmark::State& state) { pair_through(*std::pmr::new_delete_resource(), state); }

void sizes(benchmark::internal::Benchmark* bench) { bench->Arg(16)->Arg(64)->Arg(1024)->Arg(4096)->Arg(65536); }

}  // namespace

BENCHMARK(new_delete_resource)->Apply(sizes);
BENCHMARK_TEMPLATE(inlined, cistern::system_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(behind_resource, cistern::system_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(inlined, cistern::pages_backend)->Arg(65536);
#if CISTERN_WITH_JEMALLOC
BENCHMARK_TEMPLATE(inlined, cistern::jemalloc_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(behind_resource, cistern::jemalloc_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(own, cistern::jemalloc_arena)->Apply(sizes);
#endif
#if CISTERN_WITH_MIMALLOC
BENCHMARK_TEMPLATE(inlined, cistern::mimalloc_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(behind_resource, cistern::mimalloc_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(own, cistern::mimalloc_heap)->Apply(sizes);
#endif
#if CISTERN_WITH_TCMALLOC
BENCHMARK_TEMPLATE(inlined, cistern::tcmalloc_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(behind_resource, cistern::tcmalloc_backend)->Apply(sizes);
#endif
#if CISTERN_WITH_TBB
BENCHMARK_TEMPLATE(inlined, cistern::tbb_backend)->Apply(sizes);
BENCHMARK_TEMPLATE(behind_resource, cistern::tbb_backend)->Apply(sizes);
#endif
