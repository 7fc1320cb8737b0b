// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cistern::perf {

/// Allocate n blocks of one size; free the older half, first in first out; allocate that half again; free everything,
/// last in first out. After the malloc-simple benchmark of glibc.
template <class Memory>
class glibc_simple {
 public:
  using shared = nothing_shared;

  glibc_simple(const stage& on, shared&, int)
      : bytes_(on.numbers.sizes.low), rounds_(on.numbers.unit), held_(on.numbers.blocks) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    const std::size_t half = held_.size() / 2;
    for (std::size_t round = 0; round < rounds_; ++round) {
      for (void*& at : held_) at = take(memory, bytes_);
      for (std::size_t i = 0; i < half; ++i) memory.deallocate(held_[i], bytes_);
      for (std::size_t i = 0; i < half; ++i) held_[i] = take(memory, bytes_);
      for (std::size_t i = held_.size(); i > 0; --i) memory.deallocate(held_[i - 1], bytes_);
      all_freed(memory);
    }
    return rounds_ * (held_.size() + half);
  }

  void drain(Memory&) {}

 private:
  std::size_t bytes_;
  std::size_t rounds_;
  std::vector<void*> held_;
};

}  // namespace cistern::perf
