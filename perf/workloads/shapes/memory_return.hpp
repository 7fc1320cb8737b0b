// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>
#include <workloads/random.hpp>
#include <workloads/sizes.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cistern::perf {

/// Much memory in small blocks, then most of it freed: does it come back? Allocate, free a random 90 %, trim, free the
/// rest, trim. Every page of every block is written to; RSS is read all along.
template <class Memory>
class memory_return {
 public:
  using shared = nothing_shared;

  memory_return(const stage& on, shared&, int thread)
      : sizes_(on.numbers.sizes),
        memory_use_(on.memory_use),
        random_(static_cast<std::uint64_t>(thread) + 1),
        held_(on.numbers.blocks),
        order_(shuffled(on.numbers.blocks, static_cast<std::uint64_t>(thread) + 1)) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& from) {
    const std::size_t count = held_.size(), most = count - count / 10;
    trim(from);  // of the unit before: each begins with nothing cached
    for (std::size_t i = 0; i < count; ++i) {
      allocate(from, held_[i]);
      if (i % step() == 0) sample();
    }
    sample();
    free_some(from, 0, most);
    trim(from);
    sample();
    free_some(from, most, count);  // trimmed by the next unit, or by the cell, which reads RSS before
    return count;
  }

  void drain(Memory&) {}

 private:
  std::size_t step() const noexcept { return held_.size() / 32 + 1; }

  void allocate(Memory& from, block& slot) {
    slot.bytes = sizes_[random_.next()];
    slot.at = take(from, slot.bytes, every_page);
    change_ += static_cast<std::ptrdiff_t>(slot.bytes);
  }

  void free_some(Memory& from, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      block& slot = held_[order_[i]];
      change_ -= static_cast<std::ptrdiff_t>(slot.bytes);
      give_back(from, slot);
      if (i % step() == 0) sample();
    }
    sample();
  }

  void sample() {
    memory_use_.add(std::exchange(change_, 0));
    memory_use_.sample();
  }

  size_table sizes_;
  timeline& memory_use_;
  random_source random_;
  std::vector<block> held_;
  std::vector<std::uint32_t> order_;
  std::ptrdiff_t change_ = 0;  // of live bytes, not yet told
};

}  // namespace cistern::perf
