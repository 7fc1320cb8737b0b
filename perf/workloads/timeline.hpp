// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/workloads.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace cistern::perf {

/// Live bytes and RSS over the time of one pass.
///
/// Any thread may add(); one thread may sample(), which costs some microseconds, so a workload calls it between rounds
/// and never in a hot loop. Samples are kept in memory reserved beforehand: when that is full, every second one goes,
/// and from then on every second call is left out.
class timeline {
 public:
  timeline() { samples_.reserve(capacity); }

  void start() noexcept {
    start_ = std::chrono::steady_clock::now();
    samples_.clear();
    recording_ = true;
  }
  void stop() noexcept { recording_ = false; }

  void add(std::ptrdiff_t bytes) noexcept { live_.fetch_add(bytes, std::memory_order_relaxed); }
  void sample() noexcept;

  std::vector<memory_sample> take() noexcept { return std::move(samples_); }

 private:
  static constexpr std::size_t capacity = 1024;

  std::atomic<std::ptrdiff_t> live_{0};
  // Of the sampling thread.
  std::chrono::steady_clock::time_point start_{};
  std::vector<memory_sample> samples_;
  std::size_t calls_ = 0;
  std::size_t stride_ = 1;
  bool recording_ = false;
};

}  // namespace cistern::perf
