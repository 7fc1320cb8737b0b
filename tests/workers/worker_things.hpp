// SPDX-License-Identifier: MIT
#pragma once

// What the tests of worker pools have in common.
#include <cistern/allocators/deadline.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

namespace cistern::worker_tests {

/// Closed at first; who passes waits until it is open.
class gate {
 public:
  gate() = default;
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  /// Waits for those that were let through and have not left it yet.
  ~gate() {
    while (inside_ != 0) std::this_thread::yield();
  }

  void open() {
    open_ = true;
    open_.notify_all();
  }
  void pass() {
    ++inside_;
    ++passing_;
    passing_.notify_all();
    open_.wait(false);
    --inside_;
  }
  /// Until so many have come, whether or not they still wait.
  void until_there_are(int count) {
    for (int seen = passing_; seen < count; seen = passing_) passing_.wait(seen);
  }

 private:
  std::atomic<bool> open_{false};
  std::atomic<int> passing_{0};
  std::atomic<int> inside_{0};
};

template <class Condition>
void until(Condition&& holds) {
  while (!holds()) std::this_thread::yield();
}

/// So many workers at most, which start as tasks come and do not spin; what differs is set by the test.
inline worker_pool_options workers(std::size_t most, std::string_view name = "tested") {
  return {.name = name, .max_workers = most, .spawn = 0, .spin = std::chrono::nanoseconds(0)};
}

inline worker_pool_options bounded(std::size_t most, std::size_t bound, overflow when_full = overflow::wait) {
  worker_pool_options options = workers(most);
  options.queue_bound = bound;
  options.when_full = when_full;
  return options;
}

/// Keeps one worker of a pool busy while it lives, which has begun when it is made.
class busy_worker {
 public:
  explicit busy_worker(worker_pool& pool) {
    pool.submit([this] {
      gate_.pass();
      gone_ = true;
      gone_.notify_all();
    });
    gate_.until_there_are(1);
  }
  ~busy_worker() { end(); }
  busy_worker(const busy_worker&) = delete;
  busy_worker& operator=(const busy_worker&) = delete;

  /// Lets the worker go.
  void end() {
    gate_.open();
    gone_.wait(false);
  }

 private:
  gate gate_;
  std::atomic<bool> gone_{false};
};

/// Each accepted task has ended in one way. For a pool at rest.
inline void expect_balance(const worker_pool_statistics& now) {
  EXPECT_EQ(now.submitted, now.completed + now.failed + now.cancelled + now.expired + now.dropped + now.discarded +
                               now.running + now.queued + now.nested)
      << to_string(now);
}

/// A task with a move-only capture, which a refusal must leave usable.
struct parcel {
  std::unique_ptr<int> content = std::make_unique<int>(5);
  std::atomic<int>* sum;
  explicit parcel(std::atomic<int>& to) : sum(&to) {}
  void operator()() const { *sum += *content; }
};

/// Why what submits a task has thrown; accepted when it has not.
inline submission why_refused(const std::function<void()>& submits) {
  try {
    submits();
  } catch (const submission_refused& refused) {
    return refused.why();
  }
  return submission::accepted;
}

}  // namespace cistern::worker_tests
