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

/// A ring between one producer and one consumer, made so that it costs little beside what passes through it: each side
/// tells the other of its progress once in 32 blocks, and before it waits. Waits by spinning, then by yielding, so that
/// it also works with more threads than processors.
///
/// Orders: [a] release of pushed_ <-> acquire in pop() [b]; [c] release of popped_ <-> acquire in push() [d].
class block_ring {
 public:
  void push(void* block) noexcept {
    if (producer_.done - producer_.seen == capacity) [[unlikely]] {
      tell_pushed();
      wait_until([this] {
        producer_.seen = popped_.load(std::memory_order_acquire);  // [d] pairs with [c]
        return producer_.done - producer_.seen < capacity;
      });
    }
    blocks_[producer_.done++ % capacity] = block;
    if (producer_.done % stride == 0) tell_pushed();
  }
  void tell_pushed() noexcept {
    pushed_.store(producer_.done, std::memory_order_release);  // [a] pairs with [b]: the slots' contents
  }

  void* pop() noexcept {
    if (consumer_.done == consumer_.seen) [[unlikely]] {
      tell_popped();
      wait_until([this] {
        consumer_.seen = pushed_.load(std::memory_order_acquire);  // [b] pairs with [a]
        return consumer_.seen != consumer_.done;
      });
    }
    void* const block = blocks_[consumer_.done++ % capacity];
    if (consumer_.done % stride == 0) tell_popped();
    return block;
  }
  void tell_popped() noexcept {
    popped_.store(consumer_.done, std::memory_order_release);  // [c] pairs with [d]: the slots may be filled again
  }

 private:
  static constexpr std::size_t capacity = 1024, stride = 32;

  // One side's own: its progress, and what it has seen of the other's.
  struct alignas(128) side {
    std::size_t done = 0;
    std::size_t seen = 0;
  };

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
  side producer_, consumer_;
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
      ring_.tell_pushed();
      return operations_;
    }
    for (std::size_t i = 0; i < operations_; ++i) memory.deallocate(ring_.pop(), bytes_);
    ring_.tell_popped();
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
