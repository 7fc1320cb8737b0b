// SPDX-License-Identifier: MIT
// An arena beside std::pmr::monotonic_buffer_resource, which is called directly, without its virtual functions. Both
// take blocks of the same size from the same upstream. Items are allocations, pairs or look-ups.
#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/arena_scope.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/thread_arenas.hpp>

#include <cstddef>
#include <memory_resource>

#include <benchmark/benchmark.h>

namespace {

constexpr int allocations_of_a_round = 1000;
constexpr std::size_t large_block = std::size_t{128} << 10;  // holds a round
constexpr std::size_t small_block = std::size_t{4} << 10;    // the first of several

class direct_monotonic final : public std::pmr::monotonic_buffer_resource {
 public:
  using monotonic_buffer_resource::monotonic_buffer_resource;
  void* allocate(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) {
    return monotonic_buffer_resource::do_allocate(bytes, alignment);
  }
};

template <class Arena>
void allocate_a_round(Arena& memory) {
  for (int i = 0; i < allocations_of_a_round; ++i) {
    void* const block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
  }
}

void count(benchmark::State& state, int items) { state.SetItemsProcessed(state.iterations() * items); }

void allocate_64_monotonic(benchmark::State& state, std::size_t first_block) {
  direct_monotonic memory(first_block, &cistern::default_backend());
  for (auto _ : state) {
    allocate_a_round(memory);
    memory.release();
  }
  count(state, allocations_of_a_round);
}

void allocate_64_arena(benchmark::State& state, std::size_t first_block) {
  cistern::arena memory({.first_block = first_block});
  for (auto _ : state) {
    allocate_a_round(memory);
    memory.reset();
  }
  count(state, allocations_of_a_round);
}

void allocate_64_arena_rewound(benchmark::State& state, std::size_t first_block) {
  cistern::arena memory({.first_block = first_block});
  static_cast<void>(memory.allocate(64));
  for (auto _ : state) {
    const cistern::arena_scope scope(memory);
    allocate_a_round(memory);
  }
  count(state, allocations_of_a_round);
}

BENCHMARK_CAPTURE(allocate_64_monotonic, one_block, large_block);
BENCHMARK_CAPTURE(allocate_64_arena, one_block, large_block);
BENCHMARK_CAPTURE(allocate_64_arena_rewound, one_block, large_block);
BENCHMARK_CAPTURE(allocate_64_monotonic, several_blocks, small_block);
BENCHMARK_CAPTURE(allocate_64_arena, several_blocks, small_block);
BENCHMARK_CAPTURE(allocate_64_arena_rewound, several_blocks, small_block);

void mark_and_rewind(benchmark::State& state) {
  cistern::arena memory;
  static_cast<void>(memory.allocate(64));
  for (auto _ : state) {
    const auto mark = memory.mark();
    benchmark::ClobberMemory();
    memory.rewind(mark);
    benchmark::ClobberMemory();
  }
  count(state, 1);
}

// A task's use of an arena: something small lies in it for a moment.
void scope_with_one_allocation(benchmark::State& state) {
  cistern::arena memory;
  static_cast<void>(memory.allocate(64));
  for (auto _ : state) {
    const cistern::arena_scope scope(memory);
    void* const block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
  }
  count(state, 1);
}

// The dearest scope: each one enters a block and leaves it.
void scope_over_the_end_of_a_block(benchmark::State& state) {
  cistern::arena memory;
  while (memory.statistics().in_use_bytes <= small_block) static_cast<void>(memory.allocate(64));
  for (auto _ : state) {
    const cistern::arena_scope scope(memory);
    void* const block = memory.allocate(16 << 10);
    benchmark::DoNotOptimize(block);
  }
  count(state, 1);
}

void reset_of_one_block(benchmark::State& state) {
  cistern::arena memory;
  for (auto _ : state) {
    void* const block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
    memory.reset();
  }
  count(state, 1);
}

void made_used_and_destroyed(benchmark::State& state) {
  for (auto _ : state) {
    cistern::arena memory;
    void* const block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
  }
  count(state, 1);
}

void local_arena(benchmark::State& state) {
  static cistern::thread_arenas arenas;
  for (auto _ : state) {
    cistern::arena* const mine = &arenas.local();
    benchmark::DoNotOptimize(mine);
  }
  count(state, 1);
}

BENCHMARK(mark_and_rewind);
BENCHMARK(scope_with_one_allocation);
BENCHMARK(scope_over_the_end_of_a_block);
BENCHMARK(reset_of_one_block);
BENCHMARK(made_used_and_destroyed);
BENCHMARK(local_arena);

}  // namespace
