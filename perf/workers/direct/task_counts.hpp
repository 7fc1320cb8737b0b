// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>

namespace cistern::perf {

/// How many tasks have run since the process began. Each thread counts on a line of its own, so that the count costs a
/// task about a nanosecond and no thread waits for another one's line: with one shared count, that would be measured.
class task_counts {
  static constexpr std::size_t most_threads = 256;

  // Two lines, since the processor fetches neighbours.
  struct alignas(128) count {
    std::atomic<std::uint64_t> value;
  };

  static inline count all[most_threads];
  static inline std::atomic<std::size_t> taken{0};
  static inline constinit thread_local count* own = nullptr;

  [[gnu::noinline]] static count* take() {
    const std::size_t mine = taken.fetch_add(1, std::memory_order_relaxed);
    if (mine >= most_threads) throw std::runtime_error("more threads have run tasks than can be counted");
    return own = &all[mine];
  }

 public:
  /// Called by a task as its last action.
  static void add_one() {
    count& mine = *(own != nullptr ? own : take());
    // [a] pairs with [b]: who sees the count sees what the task did.
    mine.value.store(mine.value.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  static std::uint64_t total() {
    std::uint64_t sum = 0;
    for (const count& each : all) sum += each.value.load(std::memory_order_acquire);  // [b] pairs with [a]
    return sum;
  }

  /// Returns once `wanted` tasks have run in all. Looks every 50 us or so, in order to leave the processors to the
  /// tasks; throws when that many have not run after a minute.
  static void wait_for(std::uint64_t wanted) {
    using std::chrono::microseconds;
    const auto start = std::chrono::steady_clock::now();
    while (total() < wanted) {
      const auto waited = std::chrono::steady_clock::now() - start;
      if (waited > std::chrono::minutes(1)) throw std::runtime_error("tasks were lost, or take for ever");
      // Each look takes a processor from a worker; one that comes late by a two-hundredth does not matter.
      std::this_thread::sleep_for(std::max<std::chrono::nanoseconds>(microseconds(50), waited / 200));
    }
  }
};

/// A task that does nothing else.
struct empty_task {
  void operator()() const { task_counts::add_one(); }
};

}  // namespace cistern::perf
