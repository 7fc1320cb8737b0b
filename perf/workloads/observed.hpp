// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/histogram.hpp>
#include <workloads/ledger.hpp>
#include <workloads/ticks.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace cistern::perf {

/// What the observed memories of one pass have in common.
struct observer {
  bool verify = false;
  std::uint32_t every = 1;  ///< of that many allocations one is timed, and of that many frees one
  std::uint64_t overhead = ticks_overhead();
  ledger blocks;

  void add(const histogram& part) {
    const std::scoped_lock lock(mutex);
    durations.add(part);
  }

  std::mutex mutex;
  histogram durations;  // guarded by mutex
};

/// A contender's memory that times every k-th call, or enters every block into a ledger. The throughput pass does not
/// use it.
template <class Memory>
class observed {
 public:
  template <class Contender>
  observed(Contender& contender, observer& by) : memory_(contender), observer_(&by) {}

  /// For another thread.
  observed(const observed& other) requires std::copy_constructible<Memory> : memory_(other.memory_),
                                                                             observer_(other.observer_) {}
  observed& operator=(const observed&) = delete;
  ~observed() { observer_->add(durations_); }

  void* allocate(std::size_t bytes) {
    if (--allocations_until_ != 0 && !observer_->verify) [[likely]]
      return memory_.allocate(bytes);
    return allocate_observed(bytes);
  }

  void deallocate(void* block, std::size_t bytes) {
    if (--frees_until_ != 0 && !observer_->verify) [[likely]]
      return memory_.deallocate(block, bytes);
    deallocate_observed(block, bytes);
  }

  void trim() requires requires(Memory& memory) { memory.trim(); }
  { memory_.trim(); }
  void all_freed() requires requires(Memory& memory) { memory.all_freed(); }
  { memory_.all_freed(); }

  /// True when a workload must not write to its blocks, because they hold stamps.
  bool stamped() const noexcept { return observer_->verify; }

 private:
  [[gnu::noinline]] void* allocate_observed(std::size_t bytes) {
    allocations_until_ = observer_->every;
    const std::uint64_t from = ticks();
    void* const block = memory_.allocate(bytes);
    record(from, ticks());
    if (observer_->verify && block != nullptr) observer_->blocks.issued(block, bytes);
    return block;
  }

  [[gnu::noinline]] void deallocate_observed(void* block, std::size_t bytes) {
    frees_until_ = observer_->every;
    if (observer_->verify && !observer_->blocks.returned(block, bytes)) return;
    const std::uint64_t from = ticks();
    memory_.deallocate(block, bytes);
    record(from, ticks());
  }

  void record(std::uint64_t from, std::uint64_t to) noexcept {
    const std::uint64_t with_clock = to > from ? to - from : 0;
    durations_.record(with_clock > observer_->overhead ? with_clock - observer_->overhead : 0);
  }

  Memory memory_;
  observer* observer_;
  std::uint32_t allocations_until_ = 1;
  std::uint32_t frees_until_ = 1;
  histogram durations_;
};

}  // namespace cistern::perf
