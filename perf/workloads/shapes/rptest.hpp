// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>
#include <workloads/random.hpp>
#include <workloads/sizes.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace cistern::perf {

/// Blocks that one thread leaves for another to free. Takes its lock once for a loop's worth of blocks.
class inbox {
 public:
  void deliver(std::vector<block>& blocks) {
    const std::scoped_lock lock(mutex_);
    blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
    blocks.clear();
  }

  void collect(std::vector<block>& into) {
    const std::scoped_lock lock(mutex_);
    std::swap(blocks_, into);
  }

  void reserve(std::size_t blocks) { blocks_.reserve(blocks); }

 private:
  std::mutex mutex_;
  std::vector<block> blocks_;  // guarded by mutex_
};

/// Each thread keeps blocks of very different sizes, all of whose pages it writes to, and replaces random ones; what it
/// replaces in every second loop is freed by the next thread. After rpmalloc's benchmark.
template <class Memory>
class rptest {
 public:
  struct shared {
    explicit shared(const stage& on) : inboxes(static_cast<std::size_t>(on.numbers.threads)) {
      for (inbox& each : inboxes) each.reserve(on.numbers.unit * loops);
    }
    std::vector<inbox> inboxes;
  };

  rptest(const stage& on, shared& common, int thread)
      : sizes_(on.numbers.sizes),
        operations_(on.numbers.unit),
        sampling_(thread == 0),
        mine_(common.inboxes[static_cast<std::size_t>(thread)]),
        next_(common.inboxes[static_cast<std::size_t>(thread + 1) % common.inboxes.size()]),
        memory_use_(on.memory_use),
        random_(static_cast<std::uint64_t>(thread) + 1),
        held_(on.numbers.blocks) {
    leaving_.reserve(operations_);
    arrived_.reserve(operations_ * loops);
  }

  void fill(Memory& memory) {
    for (block& slot : held_) renew(memory, slot, random_.next());
  }

  std::uint64_t unit(Memory& memory) {
    for (std::size_t loop = 0; loop < loops; ++loop) {
      free_arrived(memory);
      if (loop % 2 == 0)
        replace(memory, [&](const block& old) { free(memory, old); });
      else
        replace(memory, [&](const block& old) { leaving_.push_back(old); });
      next_.deliver(leaving_);
      memory_use_.add(std::exchange(change_, 0));
      if (sampling_) memory_use_.sample();
    }
    return loops * operations_;
  }

  void drain(Memory& memory) {
    free_arrived(memory);
    for (block& slot : held_) give_back(memory, slot);
  }

 private:
  static constexpr std::size_t loops = 10;

  template <class Dispose>
  void replace(Memory& memory, Dispose dispose) {
    for (std::size_t i = 0; i < operations_; ++i) {
      const std::uint64_t word = random_.next();
      block& slot = held_[((word >> 32) * held_.size()) >> 32];
      dispose(slot);
      renew(memory, slot, word);
    }
  }

  void renew(Memory& memory, block& slot, std::uint64_t word) {
    slot.bytes = sizes_[word];
    slot.at = take(memory, slot.bytes, every_page);
    change_ += static_cast<std::ptrdiff_t>(slot.bytes);
  }

  void free_arrived(Memory& memory) {
    mine_.collect(arrived_);
    for (const block& old : arrived_) free(memory, old);
    arrived_.clear();
  }

  void free(Memory& memory, const block& old) {
    change_ -= static_cast<std::ptrdiff_t>(old.bytes);
    memory.deallocate(old.at, old.bytes);
  }

  size_table sizes_;
  std::size_t operations_;
  bool sampling_;
  inbox& mine_;
  inbox& next_;
  timeline& memory_use_;
  random_source random_;
  std::vector<block> held_, leaving_, arrived_;
  std::ptrdiff_t change_ = 0;  // of live bytes, not yet told
};

}  // namespace cistern::perf
