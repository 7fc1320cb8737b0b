// SPDX-License-Identifier: MIT
// What a task costs its maker and its caller, without a queue: in place, and in a block of a pool.
#include <cistern/workers/task.hpp>

#include <array>
#include <cstddef>
#include <functional>

#include <benchmark/benchmark.h>

namespace {

template <std::size_t Bytes>
struct work {
  std::array<char, Bytes> capture{};
  void operator()() { benchmark::DoNotOptimize(capture.data()); }
};

template <class Callable, std::size_t Bytes>
void make_and_call(benchmark::State& state) {
  for (auto _ : state) {
    Callable made{work<Bytes>{}};
    benchmark::DoNotOptimize(&made);
    made();
  }
}

void move_there_and_back(benchmark::State& state) {
  cistern::task here(work<48>{});
  for (auto _ : state) {
    cistern::task there = std::move(here);
    benchmark::DoNotOptimize(&there);
    here = std::move(there);
  }
}

BENCHMARK(make_and_call<cistern::task, 8>)->Name("task_of_8_bytes");
BENCHMARK(make_and_call<cistern::task, 48>)->Name("task_of_48_bytes");
BENCHMARK(make_and_call<cistern::task, 200>)->Name("task_of_200_bytes");
BENCHMARK(make_and_call<std::function<void()>, 8>)->Name("function_of_8_bytes");
BENCHMARK(make_and_call<std::function<void()>, 48>)->Name("function_of_48_bytes");
BENCHMARK(move_there_and_back);

}  // namespace
