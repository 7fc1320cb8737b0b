// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>
#include <workloads/process.hpp>
#include <workloads/random.hpp>
#include <workloads/sizes.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cistern::perf {

/// Blocks on their way from one thread to another: any thread may exchange its block for what lies in a place.
///
/// Orders: [a] release in exchange() <-> acquire in exchange() [b].
class transfer_table {
 public:
  static constexpr std::size_t places = 1000;

  /// Gives `mine`, which may be empty, for what lies in the place; gives it back when another thread is just there.
  block exchange(std::size_t place, block mine) noexcept {
    entry& at = entries_[place];
    if (at.busy.exchange(true, std::memory_order_acquire)) return mine;  // [b] pairs with [a]
    const block other = std::exchange(at.held, mine);
    at.busy.store(false, std::memory_order_release);  // [a] pairs with [b]: the block held
    return other;
  }

 private:
  struct entry {
    std::atomic<bool> busy{false};
    block held;  // guarded by busy
  };
  std::array<entry, places> entries_;
};

/// A bit of everything, on threads that live for one iteration: blocks of very different sizes; some kept to the end of
/// the iteration, most freed in random order soon, one in four exchanged with whatever another thread has left in a
/// shared table. After mimalloc's test-stress with its scale 50 and 25 iterations, after which the table is emptied.
template <class Memory>
class mstress {
 public:
  struct shared {
    explicit shared(const stage&) {}
    transfer_table table;
  };

  mstress(const stage& on, shared& common, int thread)
      : sizes_(on.numbers.sizes),
        allocations_(on.numbers.unit),
        first_(thread == 0),
        table_(common.table),
        memory_use_(on.memory_use),
        random_(static_cast<std::uint64_t>(thread) + 1) {
    passing_.reserve(allocations_ + 1);
    kept_.reserve(allocations_ + 1);
  }

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    on_new_thread([&] {
      Memory own(memory);
      iterate(own);
    });
    if (first_ && ++iteration_ % iterations == 0) drain(memory);
    memory_use_.add(std::exchange(change_, 0));
    if (first_) memory_use_.sample();
    return allocations_;
  }

  void drain(Memory& memory) {
    if (!first_) return;
    for (std::size_t place = 0; place < transfer_table::places; ++place) free(memory, table_.exchange(place, {}));
  }

 private:
  static constexpr unsigned iterations = 25;

  // Chances are read from different bits of one random word.
  void iterate(Memory& memory) {
    for (std::size_t i = 0; i < allocations_; ++i) {
      const std::uint64_t word = random_.next();
      allocate(memory, (word & 15) < 5 ? kept_ : passing_, word);
      if ((word >> 4 & 15) < 11 && !passing_.empty()) free(memory, pick(word));
      if ((word >> 8 & 3) == 0 && !passing_.empty()) swap_one(word);
    }
    memory_use_.add(std::exchange(change_, 0));
    if (first_) memory_use_.sample();
    for (const block& old : passing_) free(memory, old);
    for (const block& old : kept_) free(memory, old);
    passing_.clear();
    kept_.clear();
  }

  void allocate(Memory& memory, std::vector<block>& into, std::uint64_t word) {
    const std::size_t bytes = sizes_[word];
    into.push_back({take(memory, bytes), bytes});
    change_ += static_cast<std::ptrdiff_t>(bytes);
  }

  block pick(std::uint64_t word) noexcept {
    block& chosen = passing_[((word >> 32) * passing_.size()) >> 32];
    const block picked = std::exchange(chosen, passing_.back());
    passing_.pop_back();
    return picked;
  }

  void swap_one(std::uint64_t word) {
    const block other = table_.exchange(random_.below(transfer_table::places), pick(word));
    if (other.at != nullptr) passing_.push_back(other);
  }

  void free(Memory& memory, block old) {
    if (old.at == nullptr) return;
    change_ -= static_cast<std::ptrdiff_t>(old.bytes);
    memory.deallocate(old.at, old.bytes);
  }

  size_table sizes_;
  std::size_t allocations_;
  bool first_;
  transfer_table& table_;
  timeline& memory_use_;
  random_source random_;
  std::vector<block> passing_, kept_;
  std::ptrdiff_t change_ = 0;  // of live bytes, not yet told
  unsigned iteration_ = 0;
};

}  // namespace cistern::perf
