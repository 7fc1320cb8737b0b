// SPDX-License-Identifier: MIT
// One lookup up and one down, over sizes in random order: what a pool spends on them at each get and put.
#include <cistern/allocators/size_classes.hpp>

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

std::vector<std::uint32_t> random_sizes() {
  std::mt19937 random(1);
  std::vector<std::uint32_t> sizes(4096);
  // As many small ones as large ones, by magnitude.
  for (std::uint32_t& size : sizes) size = static_cast<std::uint32_t>(random() % (1u << (random() % 12 + 4)) + 1);
  return sizes;
}

template <class Map>
void lookups(benchmark::State& state, const Map& constant) {
  const std::vector<std::uint32_t> sizes = random_sizes();
  Map map = constant;
  benchmark::DoNotOptimize(map);  // a pool's map is a member, not a constant of the program
  std::size_t sum = 0;
  for (auto _ : state)
    for (const std::uint32_t size : sizes) sum += map.index_up(size) + map.index_down(size);
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(sizes.size()));
}

cistern::size_class_table the_same_as_a_table() {
  const cistern::four_per_doubling quarters;
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < quarters.count(); ++i) sizes.push_back(quarters.size_of(i));
  return cistern::size_class_table{sizes};
}

BENCHMARK_CAPTURE(lookups, four_per_doubling, cistern::four_per_doubling());
BENCHMARK_CAPTURE(lookups, powers_of_two, cistern::powers_of_two());
BENCHMARK_CAPTURE(lookups, table_of_40, the_same_as_a_table());
BENCHMARK_CAPTURE(lookups, table_of_4, cistern::size_class_table{{64, 512, 4096, 32768}});

}  // namespace
