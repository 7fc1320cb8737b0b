// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>
#include <workloads/process.hpp>
#include <workloads/random.hpp>
#include <workloads/sizes.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cistern::perf {

/// A server whose threads come and go: each replaces random blocks for 100 rounds, then hands its slots to a new thread
/// and ends, so that most blocks are freed by another thread than the one that got them. After Larson and Krishnan.
template <class Memory>
class larson {
 public:
  using shared = nothing_shared;

  larson(const stage& on, shared&, int thread)
      : sizes_(on.numbers.sizes),
        round_(on.numbers.unit),
        sampling_(thread == 0),
        memory_use_(on.memory_use),
        random_(static_cast<std::uint64_t>(thread) + 1),
        held_(on.numbers.blocks) {}

  void fill(Memory& memory) {
    for (block& slot : held_) change_ += renew(memory, slot, random_.next());
  }

  std::uint64_t unit(Memory& memory) {
    on_new_thread([&] {
      Memory own(memory);
      for (std::size_t i = 0; i < rounds; ++i) {
        replace(own);
        memory_use_.add(std::exchange(change_, 0));
        if (sampling_ && i % 10 == 0) memory_use_.sample();
      }
    });
    return rounds * round_;
  }

  void drain(Memory& memory) {
    for (block& slot : held_) give_back(memory, slot);
  }

 private:
  static constexpr std::size_t rounds = 100;

  void replace(Memory& memory) {
    for (std::size_t i = 0; i < round_; ++i) {
      const std::uint64_t word = random_.next();
      block& slot = held_[((word >> 32) * held_.size()) >> 32];
      memory.deallocate(slot.at, slot.bytes);
      change_ -= static_cast<std::ptrdiff_t>(slot.bytes);
      change_ += renew(memory, slot, word);
    }
  }

  std::ptrdiff_t renew(Memory& memory, block& slot, std::uint64_t word) {
    slot.bytes = sizes_[word];
    slot.at = take(memory, slot.bytes);
    return static_cast<std::ptrdiff_t>(slot.bytes);
  }

  size_table sizes_;
  std::size_t round_;
  bool sampling_;
  timeline& memory_use_;
  random_source random_;
  std::vector<block> held_;
  std::ptrdiff_t change_ = 0;  // of live bytes, not yet told
};

}  // namespace cistern::perf
