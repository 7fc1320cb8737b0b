// SPDX-License-Identifier: MIT
// What the parts of a bucket_pool cost: gets and puts that find a block ready by each of its faces, the way through the
// depot, through spans and through the upstream, a tick, and two pools in turn. tools/figures bucket measures pairs
// beside their peers by direct/pool_pair.cpp.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using cistern::bucket_pool;
using cistern::pool_options;

pool_options without_ticks() { return {.clock = nullptr, .background = false}; }

struct object {
  std::byte bytes[64];
};

void by_allocator(benchmark::State& state) {
  const bucket_pool pool(without_ticks());
  cistern::allocator<object> from(pool);
  for (auto _ : state) {
    object* block = from.allocate(1);
    benchmark::DoNotOptimize(block);
    from.deallocate(block, 1);
  }
}

void by_size(benchmark::State& state) {
  bucket_pool pool(without_ticks());
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    void* block = pool.allocate(bytes);
    benchmark::DoNotOptimize(block);
    pool.deallocate(block, bytes);
  }
}

void by_buffer(benchmark::State& state) {
  bucket_pool pool(without_ticks());
  for (auto _ : state) {
    cistern::buffer got = pool.get(1000);
    benchmark::DoNotOptimize(got.data());
  }
}

// A thread finds its own cache anew each time.
void two_pools_in_turn(benchmark::State& state) {
  bucket_pool one(without_ticks()), other(without_ticks());
  for (auto _ : state)
    for (bucket_pool* pool : {&one, &other}) {
      void* block = pool->allocate(64);
      benchmark::DoNotOptimize(block);
      pool->deallocate(block, 64);
    }
  state.SetItemsProcessed(2 * state.iterations());
}

// More than a thread keeps to itself, so that magazines go through the depot; as time for each block.
void through_the_depot(benchmark::State& state) {
  bucket_pool pool(without_ticks());
  std::vector<void*> blocks(8192);
  for (auto _ : state) {
    pool.allocate_batch(64, blocks);
    pool.deallocate_batch(64, blocks);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(blocks.size()) * state.iterations());
}

void through_spans(benchmark::State& state) {
  bucket_pool pool({.max_idle_bytes = 0, .clock = nullptr, .background = false});
  std::vector<void*> blocks(8192);
  for (auto _ : state) {
    pool.allocate_batch(64, blocks);
    pool.deallocate_batch(64, blocks);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(blocks.size()) * state.iterations());
}

void large_block(benchmark::State& state) {
  bucket_pool pool({.upstream = &cistern::backend("system"), .clock = nullptr, .background = false});
  for (auto _ : state) {
    void* block = pool.allocate(std::size_t{1} << 19);
    benchmark::DoNotOptimize(block);
    pool.deallocate(block, std::size_t{1} << 19);
  }
}

void tick_with_nothing_idle(benchmark::State& state) {
  cistern::ageing_clock clock;
  bucket_pool pool({.clock = &clock});
  void* const block = pool.allocate(64);
  pool.trim();
  for (auto _ : state) clock.tick();
  pool.deallocate(block, 64);
}

void make_use_and_destroy(benchmark::State& state) {
  for (auto _ : state) {
    bucket_pool pool(without_ticks());
    pool.deallocate(pool.allocate(64), 64);
  }
}

BENCHMARK(by_allocator);
BENCHMARK(by_size)->Arg(64)->Arg(1000)->Arg(65536);
BENCHMARK(by_buffer);
BENCHMARK(two_pools_in_turn);
BENCHMARK(through_the_depot);
BENCHMARK(through_spans);
BENCHMARK(large_block);
BENCHMARK(tick_with_nothing_idle);
BENCHMARK(make_use_and_destroy);

}  // namespace
