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

/// Threads that live one after another: each frees what its predecessor left, allocates blocks, frees every second one
/// and ends. After some generations everything is freed, and it begins anew. Is the memory of ended threads used again,
/// or does it add up? After the mleak test.
template <class Memory>
class mleak {
 public:
  using shared = nothing_shared;

  mleak(const stage& on, shared&, int thread)
      : sizes_(on.numbers.sizes),
        generations_(on.numbers.unit),
        sampling_(thread == 0),
        memory_use_(on.memory_use),
        random_(static_cast<std::uint64_t>(thread) + 1),
        held_(on.numbers.blocks) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    for (std::size_t i = 0; i < generations_; ++i) {
      on_new_thread([&] {
        Memory own(memory);
        live_once(own);
      });
      memory_use_.add(std::exchange(change_, 0));
      if (sampling_) memory_use_.sample();
    }
    drain(memory);
    return generations_ * held_.size();
  }

  void drain(Memory& memory) {
    for (block& old : held_) free(memory, old);
  }

 private:
  void live_once(Memory& memory) {
    for (block& old : held_) free(memory, old);
    for (block& fresh : held_) {
      fresh.bytes = sizes_[random_.next()];
      fresh.at = take(memory, fresh.bytes);
      change_ += static_cast<std::ptrdiff_t>(fresh.bytes);
    }
    for (std::size_t i = 0; i < held_.size(); i += 2) free(memory, held_[i]);
  }

  void free(Memory& memory, block& old) {
    change_ -= static_cast<std::ptrdiff_t>(old.bytes);
    give_back(memory, old);
  }

  size_table sizes_;
  std::size_t generations_;
  bool sampling_;
  timeline& memory_use_;
  random_source random_;
  std::vector<block> held_;
  std::ptrdiff_t change_ = 0;  // of live bytes, not yet told
};

}  // namespace cistern::perf
