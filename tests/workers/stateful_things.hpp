// SPDX-License-Identifier: MIT
#pragma once

// What the tests of stateful_worker_pool have in common.
#include "worker_things.hpp"
#include <cistern/workers/stateful_worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <latch>
#include <thread>
#include <utility>

namespace cistern::worker_tests {

inline stateful_worker_pool_options with(std::size_t workers) {
  return {.name = "tested", .workers = workers, .spin = std::chrono::nanoseconds(0)};
}

inline sync::clock::time_point past() { return sync::now() - std::chrono::seconds(1); }

/// Notes whether it is used by another thread than the one that made it.
struct at_home {
  struct counts {
    std::atomic<int> made{0}, terminated{0}, gone{0}, strangers{0};
  };
  explicit at_home(counts& in) : all(in) { ++all.made; }
  at_home(const at_home&) = delete;
  ~at_home() {
    look();
    ++all.gone;
  }

  std::thread::id process(std::latch& meeting) {
    look();
    meeting.arrive_and_wait();
    return home;
  }
  void ready() { look(); }
  void terminate() {
    look();
    ++all.terminated;
  }
  void look() const {
    if (std::this_thread::get_id() != home) ++all.strangers;
  }

  counts& all;
  const std::thread::id home = std::this_thread::get_id();
};

/// Calls the function that it is given.
struct caller {
  template <class F>
  decltype(auto) process(F&& call) {
    return std::forward<F>(call)();
  }
};

/// Runs until it is interrupted; what it is given is passed as it begins.
struct patient {
  int process(gate* begins) {
    interrupted = false;
    if (begins != nullptr) begins->pass();
    until([this] { return interrupted.load(); });
    return 1;
  }
  int process(int at_once) { return at_once; }
  void interrupt() {
    interrupted_by = std::this_thread::get_id();
    interrupted = true;
  }

  std::atomic<bool> interrupted{false};
  static inline std::atomic<std::thread::id> interrupted_by{};
};

/// Keeps one worker of a pool of callers busy while it lives.
class busy_call {
 public:
  explicit busy_call(stateful_worker_pool<caller>& pool)
      : thread_([&pool, this] { pool.process([this] { gate_.pass(); }); }) {
    gate_.until_there_are(1);
  }
  ~busy_call() { end(); }
  void end() {
    gate_.open();
    if (thread_.joinable()) thread_.join();
  }

 private:
  gate gate_;
  std::thread thread_;
};

}  // namespace cistern::worker_tests
