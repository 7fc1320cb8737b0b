// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>
#include <workloads/random.hpp>
#include <workloads/sizes.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cistern::perf {

/// Many slots, each with a block; a random slot's block is freed and replaced by one of another size. One random
/// number and one table look-up decide both.
template <class Memory>
class slots {
 public:
  using shared = nothing_shared;

  slots(const stage& on, shared&, int thread)
      : sizes_(on.numbers.sizes),
        operations_(on.numbers.unit),
        stride_(on.numbers.touch_stride),
        random_(static_cast<std::uint64_t>(thread) + 1),
        held_(on.numbers.blocks) {
    if (on.numbers.favourites) favourites_.emplace(held_.size());
  }

  void fill(Memory& memory) {
    for (block& slot : held_) renew(memory, slot, random_.next());
  }

  std::uint64_t unit(Memory& memory) {
    if (favourites_) return replace(memory, [this](std::uint64_t word) { return (*favourites_)[word]; });
    return replace(memory, [this](std::uint64_t word) { return ((word >> 32) * held_.size()) >> 32; });
  }

  void drain(Memory& memory) {
    for (block& slot : held_) give_back(memory, slot);
  }

 private:
  template <class Choose>
  std::uint64_t replace(Memory& memory, Choose choose) {
    for (std::size_t i = 0; i < operations_; ++i) {
      const std::uint64_t word = random_.next();
      block& slot = held_[choose(word)];
      memory.deallocate(slot.at, slot.bytes);
      renew(memory, slot, word);
    }
    return operations_;
  }

  void renew(Memory& memory, block& slot, std::uint64_t word) {
    slot.bytes = sizes_[word];
    slot.at = take(memory, slot.bytes, stride_);
  }

  size_table sizes_;
  std::size_t operations_;
  std::size_t stride_;
  random_source random_;
  std::vector<block> held_;
  std::optional<pareto_table> favourites_;
};

}  // namespace cistern::perf
