// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0 {

/// Counts what is still to be done, and lets threads wait until it is nothing: the role of grpool's WaitCount, JobDone
/// and WaitAll, and of Go's sync.WaitGroup.
///
/// For jobs that are not tasks of one group, say because they come from several places. A wait does not help: a worker
/// that waits for tasks of its own pool may wait for itself. task_group waits without that danger, and counts by
/// itself. std::latch, its model, cannot count up.
///
/// Threads: all functions from any. It may be destroyed as soon as a wait() has returned, also while the done() that
/// made it return is about to. Counting below zero, or above 2^31, ends the program with a message. Happens-before: a
/// done() before the return of the wait() that it made possible. Cost: one read-modify-write. Example:
/// tests/examples/task_group_example.cpp.
class CISTERN_EXPORT wait_count {
 public:
  explicit wait_count(std::size_t count = 0) { add(count); }
  wait_count(const wait_count&) = delete;
  wait_count& operator=(const wait_count&) = delete;

  void add(std::size_t count = 1) noexcept;
  void done() noexcept;

  void wait() noexcept { static_cast<void>(wait_until(sync::clock::time_point::max())); }
  /// False when it was not zero by then.
  bool wait_until(sync::clock::time_point deadline) noexcept;

  std::size_t count() const noexcept { return word_.load(std::memory_order_acquire) / one; }  // [b] pairs with [a]

 private:
  static constexpr std::uint32_t sleeps = 1, one = 2;

  sync::atomic<std::uint32_t> word_{0};  // the number, and whether somebody sleeps
};

}  // namespace cistern::inline v0
