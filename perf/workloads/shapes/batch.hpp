// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>
#include <workloads/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cistern::perf {

/// Allocate many blocks of one size, free them all: last in first out, first in first out, or in a random order that
/// is the same for every batch. Shows what lies behind the first few cached blocks.
template <class Memory>
class batch {
 public:
  using shared = nothing_shared;

  batch(const stage& on, shared&, int thread)
      : bytes_(on.numbers.sizes.low), batches_(on.numbers.unit), held_(on.numbers.blocks), order_(on.numbers.blocks) {
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<std::uint32_t>(i);
    if (on.numbers.order == free_order::lifo) std::ranges::reverse(order_);
    if (on.numbers.order == free_order::random) order_ = shuffled(held_.size(), static_cast<std::uint64_t>(thread) + 1);
  }

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    for (std::size_t i = 0; i < batches_; ++i) {
      for (void*& at : held_) at = take(memory, bytes_);
      for (const std::uint32_t which : order_) memory.deallocate(held_[which], bytes_);
      all_freed(memory);
    }
    return batches_ * held_.size();
  }

  void drain(Memory&) {}

 private:
  std::size_t bytes_;
  std::size_t batches_;
  std::vector<void*> held_;
  std::vector<std::uint32_t> order_;
};

}  // namespace cistern::perf
