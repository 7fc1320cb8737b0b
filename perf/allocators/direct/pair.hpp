// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stop_token>
#include <string_view>
#include <thread>

namespace cistern::perf {

inline constexpr std::size_t pair_bytes = 64;

/// Nanoseconds that one allocation with its free takes: the best of 15 repetitions of some 20 ms each. `allocate()`
/// and `deallocate(block)` are inlined. The block escapes, so neither call can be left out.
template <class Allocate, class Deallocate>
[[gnu::noinline]] double pair_nanoseconds(Allocate allocate, Deallocate deallocate) {
  using clock = std::chrono::steady_clock;
  const auto run = [&](long pairs) __attribute__((noinline)) {
    const auto start = clock::now();
    for (long i = 0; i < pairs; ++i) {
      void* block = allocate();
      asm volatile("" : "+r"(block) : : "memory");
      deallocate(block);
    }
    return std::chrono::duration<double, std::nano>(clock::now() - start).count();
  };
  constexpr long trial = 100'000;
  constexpr double repetition = 20e6;
  run(trial);
  const long pairs = static_cast<long>(repetition * trial / run(trial));
  double best = run(pairs);
  for (int i = 1; i < 15; ++i) best = std::min(best, run(pairs));
  return best / static_cast<double>(pairs);
}

/// For what is a get and its put in one step, as a handle has it.
template <class Step>
double step_nanoseconds(Step step) {
  return pair_nanoseconds(
      [=]() mutable -> void* {
        step();
        return nullptr;
      },
      [](void*) {});
}

/// What a step takes each of two threads that do nothing else; the other one's are not timed.
template <class Step>
double two_threads_nanoseconds(Step step) {
  std::atomic<bool> runs{false};
  const std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (int i = 0; i < 1000; ++i) step();
      runs.store(true, std::memory_order_relaxed);
    }
  });
  while (!runs.load(std::memory_order_relaxed)) std::this_thread::yield();
  return step_nanoseconds(step);
}

inline int print_nanoseconds(double value) { return std::printf("%.3f\n", value) > 0 ? 0 : 1; }

struct named_measure {
  std::string_view name;
  double (*measure)();
};

/// A program that is given the name of what it measures.
template <std::size_t N>
int print_named(const char* program, const named_measure (&all)[N], int argc, char** argv) {
  try {
    for (const named_measure& one : all)
      if (argc == 2 && one.name == argv[1]) return print_nanoseconds(one.measure());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
  std::fprintf(stderr, "%s: give one of:", program);
  for (const named_measure& one : all) std::fprintf(stderr, " %s", one.name.data());
  std::fprintf(stderr, "\n");
  return 2;
}

}  // namespace cistern::perf
