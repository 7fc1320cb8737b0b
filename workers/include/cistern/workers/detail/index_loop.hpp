// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace cistern::inline v0::detail {

/// Numbers from 0 that are handed out in runs, to whichever thread comes: long ones first, short ones in the end, so
/// that all are done at about the same time.
class index_loop {
 public:
  index_loop(std::uint64_t count, std::uint64_t grain) noexcept
      : count_(count), grain_(std::max<std::uint64_t>(grain, 1)) {}

  struct run {
    std::uint64_t first, end;
  };

  void add_thread() noexcept { threads_.fetch_add(1, std::memory_order_relaxed); }
  bool is_left() const noexcept { return next_.load(std::memory_order_relaxed) < count_; }

  /// An empty run when there is nothing left. Orders nothing.
  run claim() noexcept {
    std::uint64_t first = next_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t left = count_ - first;
      const std::uint64_t share = left / (8 * std::uint64_t{threads_.load(std::memory_order_relaxed)});
      const std::uint64_t length = std::min(left, std::max(grain_, share));
      if (length == 0 || next_.compare_exchange_weak(first, first + length, std::memory_order_relaxed))
        return {first, first + length};
    }
  }

 private:
  const std::uint64_t count_, grain_;
  alignas(64) sync::atomic<std::uint64_t> next_{0};
  sync::atomic<std::uint32_t> threads_{0};  // that have come so far
};

}  // namespace cistern::inline v0::detail
