// SPDX-License-Identifier: MIT
// What a use of a pooled buffer costs, by the way it is got, and what slices of one cost.
#include <cistern/pools/byte_buffer_pool.hpp>
#include <cistern/pools/slice.hpp>

#include <cstddef>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

namespace {

using cistern::byte_buffer;
using cistern::byte_buffer_pool;
using cistern::slice;

byte_buffer_pool& pool() {
  static byte_buffer_pool only;
  return only;
}

void get_and_put(benchmark::State& state) {
  for (auto _ : state) {
    byte_buffer got = pool().get();
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(get_and_put)->ThreadRange(1, 2)->UseRealTime();

void get_and_put_with_a_hint(benchmark::State& state) {
  for (auto _ : state) {
    byte_buffer got = pool().get(static_cast<std::size_t>(state.range(0)));
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(get_and_put_with_a_hint)->Arg(1000)->Arg(64 << 10);

void get_and_put_at_a_site(benchmark::State& state) {
  static byte_buffer_pool::site site(pool(), "measured");
  for (auto _ : state) {
    byte_buffer got = site.get();
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(get_and_put_at_a_site);

// From the capacity of a new buffer to 64 KiB.
void grow(benchmark::State& state) {
  const std::string text(1024, 'x');
  for (auto _ : state) {
    byte_buffer got = pool().get(1024);
    for (int i = 0; i < 64; ++i) got.append(text);
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(grow);

void make_a_slice_and_end_it(benchmark::State& state) {
  for (auto _ : state) {
    byte_buffer got = pool().get(1024);
    got.append(100, 'x');
    const slice all(std::move(got));
    benchmark::DoNotOptimize(all.data());
  }
}
BENCHMARK(make_a_slice_and_end_it);

void take_a_part(benchmark::State& state) {
  byte_buffer got = pool().get(1024);
  got.append(100, 'x');
  const slice all(std::move(got));
  for (auto _ : state) {
    const slice some = all.part(10, 20);
    benchmark::DoNotOptimize(some.data());
  }
}
BENCHMARK(take_a_part);

}  // namespace
