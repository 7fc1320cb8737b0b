// SPDX-License-Identifier: MIT
#pragma once

#include "speed_cases.hpp"
#include <workloads/process.hpp>
#include <workloads/random.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>

namespace cistern::perf {

/// How often malloc and its like have been called, by all threads. In the programs that count it; null in others.
[[gnu::weak]] std::uint64_t counted_mallocs() noexcept;

/// A task that holds `Bytes` by value.
template <std::size_t Bytes>
struct carrying_task {
  std::array<std::byte, Bytes> carried{};

  void operator()() const {
    asm volatile("" : : "r"(carried.data()) : "memory");
    task_counts::add_one();
  }
};

/// Keeps a pool's only worker from its tasks until open(). Counts as a task then.
class worker_gate {
  std::atomic<bool> entered_{false}, open_{false};

 public:
  template <class Pool>
  explicit worker_gate(Pool& pool) {
    produce(pool, [&] {
      pool.submit([this] {
        entered_.store(true, std::memory_order_release);  // [a] pairs with [b]: all before has run
        entered_.notify_one();
        open_.wait(false, std::memory_order_acquire);  // [c] pairs with [d]
        task_counts::add_one();
      });
    });
    entered_.wait(false, std::memory_order_acquire);  // [b] pairs with [a]
  }
  void open() {
    open_.store(true, std::memory_order_release);  // [d] pairs with [c]
    open_.notify_one();
  }
};

struct queue_memory {
  double before, queued, drained;  // bytes of the whole process
};

/// Tasks with captures of 48 bytes, which queue behind one that does not end, then run; and maybe three seconds.
template <class Pool>
queue_memory memory_of_queue(Pool& pool, const case_options& options, std::size_t tasks, bool waits) {
  const std::uint64_t before = task_counts::total();
  worker_gate gate(pool);
  queue_memory result{.before = static_cast<double>(rss_bytes()), .queued = 0, .drained = 0};
  produce(pool, [&] {
    for (std::size_t i = 0; i < tasks; ++i) pool.submit(carrying_task<48>{});
  });
  result.queued = static_cast<double>(rss_bytes());
  gate.open();
  task_counts::wait_for(before + 1 + tasks);
  if (waits) std::this_thread::sleep_for(std::chrono::milliseconds(options.is_small ? 30 : 3000));
  result.drained = static_cast<double>(rss_bytes());
  return result;
}

/// Of a million tasks, each.
template <class Pool>
double queued_bytes(const case_options& given) {
  case_options options = given;
  options.workers = 1;
  Pool pool(options);
  warm_up(pool);
  const std::size_t tasks = options.scaled(1'000'000);
  const queue_memory memory = memory_of_queue(pool, options, tasks, false);
  return (memory.queued - memory.before) / static_cast<double>(tasks);
}

/// What the process has after a queue of a million tasks, over what it had before. It has had a queue of some thousands
/// before that: so all the program has been read in that this takes, whose pages (half a megabyte of four) count too.
template <class Pool>
double drained_rss(const case_options& given) {
  case_options options = given;
  options.workers = 1;
  Pool pool(options);
  warm_up(pool);
  memory_of_queue(pool, options, options.scaled(5'000), true);
  const queue_memory memory = memory_of_queue(pool, options, options.scaled(1'000'000), true);
  return memory.drained / memory.before;
}

/// Mallocs for a task with a capture of 24 bytes, by a pool that has had as many tasks queued before.
template <class Pool>
double mallocs(case_options options) {
  options.workers = 1;
  const std::size_t tasks = options.scaled(100'000);
  Pool pool(options);
  const auto queue_and_drain = [&] {
    const std::uint64_t before = task_counts::total();
    const auto submit = [&] {
      for (std::size_t i = 0; i < tasks; ++i) pool.submit(carrying_task<24>{});
    };
    if constexpr (is_bounded<Pool>) {
      submit();
      task_counts::wait_for(before + tasks);
    } else {
      worker_gate gate(pool);
      produce(pool, submit);
      gate.open();
      task_counts::wait_for(before + 1 + tasks);
    }
  };
  queue_and_drain();
  const std::uint64_t before = counted_mallocs();
  queue_and_drain();
  return static_cast<double>(counted_mallocs() - before) / static_cast<double>(tasks);
}

/// What malloc gives a task, to be freed by it.
class malloc_memory {
 public:
  static void* allocate(std::size_t bytes) { return std::malloc(bytes); }
  static void deallocate(void* block) { std::free(block); }
};

/// What each of 64 allocations of 16 to 256 bytes costs a task, with giving them back and all else that the task costs.
template <class Pool, class Memory>
double task_memory(case_options options) {
  constexpr std::size_t allocations = 64;
  options.workers = 1;
  const std::size_t tasks = options.scaled(50'000);
  std::array<std::uint32_t, allocations> sizes{};
  random_source random(1);
  for (std::uint32_t& each : sizes) each = static_cast<std::uint32_t>(16 + random.next() % 241);
  Pool pool(options);
  warm_up(pool);
  const double taken = submit_all(pool, options, tasks, [&sizes] {
    Memory memory;
    std::array<void*, allocations> blocks;
    for (std::size_t i = 0; i < allocations; ++i) {
      blocks[i] = memory.allocate(sizes[i]);
      asm volatile("" : : "r"(blocks[i]) : "memory");
    }
    for (void* each : blocks) memory.deallocate(each);
    task_counts::add_one();
  });
  return taken / static_cast<double>(tasks * allocations);
}

}  // namespace cistern::perf
