// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>
#include <workloads/activity.hpp>
#include <workloads/block.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sched.h>

namespace cistern::perf {

/// A ring between one producer and one consumer. Waits by spinning, then by yielding, so that it also works with more
/// threads than processors.
///
/// Orders: [a] release in push() <-> acquire in pop() [b]; [c] release in pop() <-> acquire in push() [d].
class block_ring {
 public:
  void push(void* block) noexcept {
    const std::size_t at = pushed_.load(std::memory_order_relaxed);
    wait_until([&] { return at - popped_.load(std::memory_order_acquire) < capacity; });  // [d] pairs with [c]
    blocks_[at % capacity] = block;
    pushed_.store(at + 1, std::memory_order_release);  // [a] pairs with [b]: the slot's contents
  }

  void* pop() noexcept {
    const std::size_t at = popped_.load(std::memory_order_relaxed);
    wait_until([&] { return pushed_.load(std::memory_order_acquire) != at; });  // [b] pairs with [a]
    void* const block = blocks_[at % capacity];
    popped_.store(at + 1, std::memory_order_release);  // [c] pairs with [d]: the slot may be filled again
    return block;
  }

 private:
  static constexpr std::size_t capacity = 1024;

  template <class Condition>
  static void wait_until(Condition condition) noexcept {
    for (unsigned tries = 0; !condition(); ++tries) {
      if (tries < 1000)
        sync::spin_pause();
      else
        sched_yield();
    }
  }

  alignas(128) std::atomic<std::size_t> pushed_{0};
  alignas(128) std::atomic<std::size_t> popped_{0};
  alignas(128) std::array<void*, capacity> blocks_{};
};

/// Every even thread allocates and pushes into a ring, the odd one after it pops and frees: each block is freed by a
/// thread that never allocates.
template <class Memory>
class producer_consumer {
 public:
  struct shared {
    explicit shared(const stage& on) : rings(static_cast<std::size_t>(on.numbers.threads) / 2) {}
    std::vector<block_ring> rings;
  };

  producer_consumer(const stage& on, shared& common, int thread)
      : bytes_(on.numbers.sizes.low),
        operations_(on.numbers.unit),
        producer_(thread % 2 == 0),
        ring_(common.rings[static_cast<std::size_t>(thread) / 2]) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    if (producer_) {
      for (std::size_t i = 0; i < operations_; ++i) ring_.push(take(memory, bytes_));
      return operations_;
    }
    for (std::size_t i = 0; i < operations_; ++i) memory.deallocate(ring_.pop(), bytes_);
    return 0;
  }

  void drain(Memory&) {}

 private:
  std::size_t bytes_;
  std::size_t operations_;
  bool producer_;
  block_ring& ring_;
};

}  // namespace cistern::perf
