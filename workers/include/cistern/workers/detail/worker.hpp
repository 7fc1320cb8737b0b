// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/task_deque.hpp>
#include <cistern/workers/detail/task_queue.hpp>
#include <cistern/workers/detail/task_site.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/task.hpp>
#include <cistern/workers/time_counts.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>

#include <pthread.h>

namespace cistern::inline v0::detail {

class crew;
class group_core;

/// A task in a worker's deque.
struct task_node {
  task work;
  // Of those that are handed over, see crew.
  task_node* next;
  task_node* previous;
  task_node* next_of_group;
};

/// The group that a task belongs to, if it is one's.
inline group_core* group_of(const task& work) noexcept {
  if (!work.operations()->is_of_group) return nullptr;
  group_core* group = nullptr;
  std::memcpy(&group, work.capture(), sizeof group);  // NOLINT(bugprone-sizeof-expression): a pointer it is
  return group;
}

/// A number that one thread counts and others read.
class owned_counter {
 public:
  void add(std::uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  sync::atomic<std::uint64_t> value_{0};
};

/// How a task that was taken from a queue ended, where that is not plain.
enum class task_end : std::uint8_t { completed, failed, cancelled, expired };

/// A task that a thread runs which is none of the pool's workers: one that waits for a group, or submits where there is
/// no room.
struct guest_run {
  crew& pool;
  const source_site site;
  const bool counts;        // among the tasks that were submitted
  guest_run* const around;  // of the thread, which it began within
  const sync::clock::time_point since;
  task_end end = task_end::completed;
  // Guarded by the crew's mutex.
  guest_run* next = nullptr;
  guest_run* previous = nullptr;
};

/// One place for a worker in a crew: a thread has it from its start to its end, and the next one after that.
struct alignas(128) worker {  // NOLINT(clang-analyzer-optin.performance.Padding): lines of their own
  worker(crew& in, std::size_t at, const arena_options& memory_options, std::pmr::memory_resource& upstream,
         task_queue& queue)
      : pool(in), index(at), deque(upstream), memory(memory_options), takes(queue) {}

  // Constant.
  crew& pool;
  const std::size_t index;

  // The thread's.
  task_deque<task_node> deque;  // its own end; others steal from it
  arena memory;
  task_end end = task_end::completed;  // of the running task, if it says so itself
  bool is_searching = false;           // looks for work, and counts as a searcher
  std::uint32_t search_era = 0;        // in this era: see idle_word
  std::uint32_t turn = 0;              // of looks for work, to look elsewhere at times
  std::size_t victim = 0;              // where it looked last

  // Written by the thread, read by all.
  sync::atomic<std::uint64_t> running{0};  // the site of the running task and 1; 0 for none. See crew::running_task
  owned_counter submitted, started, finished, failed, cancelled, expired, steals, parks;
  sync::atomic<bool> trim_wanted{false};     // a tick has come by
  task_queue::consumer takes;                // of the crew's queue
  sync::atomic<group_core*> helps{nullptr};  // the group whose task it has stolen and runs

  // Parking: the thread sleeps while it is `asleep`; whoever changes that has taken the worker out of the sleepers.
  static constexpr std::uint32_t awake = 0, asleep = 1;
  alignas(64) sync::atomic<std::uint32_t> state{awake};

  // Guarded by the crew's mutex.
  worker* colder = nullptr;  // sleepers: the one that went to sleep before
  worker* warmer = nullptr;
  bool is_sleeping = false;
  bool has_thread = false;  // it lives, or is being started by whoever has the place
  bool is_leaving = false;  // it ends, since there are too many
  bool to_join = false;     // the thread has ended, or is about to
  pthread_t thread{};
  bool left_to_join = false;  // likewise the thread before it
  pthread_t left{};
  std::uint64_t seen_started = 0;           // at the last tick
  sync::clock::time_point running_since{};  // the running task has been seen since then

  // With measure_times only.
  time_histogram waited, ran;
};

/// By a task's capture: how the running task is counted.
inline void end_running_task(task_end how) noexcept {
  const work_place& here = place();
  if (here.own != nullptr)
    here.own->end = how;
  else if (here.guest != nullptr)
    here.guest->end = how;
}

}  // namespace cistern::inline v0::detail
