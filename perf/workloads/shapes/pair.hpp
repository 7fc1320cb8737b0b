// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::perf {

/// Allocate one block, free it, again: the length of the fast path and nothing else.
template <class Memory>
class pair {
 public:
  using shared = nothing_shared;

  pair(const stage& on, shared&, int) : bytes_(on.numbers.sizes.low), operations_(on.numbers.unit) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    for (std::size_t i = 0; i < operations_; ++i) memory.deallocate(take(memory, bytes_), bytes_);
    return operations_;
  }

  void drain(Memory&) {}

 private:
  std::size_t bytes_;
  std::size_t operations_;
};

}  // namespace cistern::perf
