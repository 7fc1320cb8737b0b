// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace cistern::perf {

/// A bounded queue of batches of blocks. Takes its lock once for a batch.
class batch_queue {
 public:
  using batch_type = std::vector<void*>;

  explicit batch_queue(std::size_t blocks) {
    for (std::size_t i = 0; i < capacity; ++i) empty_.emplace_back(blocks);
    full_.reserve(capacity);
  }

  batch_type take_empty() { return take(empty_); }
  batch_type take_full() { return take(full_); }
  void put_empty(batch_type batch) { put(empty_, std::move(batch)); }
  void put_full(batch_type batch) { put(full_, std::move(batch)); }

 private:
  static constexpr std::size_t capacity = 8;

  batch_type take(std::vector<batch_type>& from) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !from.empty(); });
    batch_type batch = std::move(from.back());
    from.pop_back();
    return batch;
  }

  void put(std::vector<batch_type>& into, batch_type batch) {
    {
      const std::scoped_lock lock(mutex_);
      into.push_back(std::move(batch));
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<batch_type> empty_, full_;
};

/// Half of the threads allocate batches of blocks, the other half free them: whole batches change threads at once.
/// After Lever and Boreham's malloc-test.
template <class Memory>
class xmalloc {
 public:
  struct shared {
    explicit shared(const stage& on) : queue(on.numbers.blocks) {}
    batch_queue queue;
  };

  xmalloc(const stage& on, shared& common, int thread)
      : bytes_(on.numbers.sizes.low), batches_(on.numbers.unit), allocates_(thread % 2 == 0), queue_(common.queue) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    std::uint64_t operations = 0;
    for (std::size_t i = 0; i < batches_; ++i) operations += allocates_ ? allocate_batch(memory) : free_batch(memory);
    return operations;
  }

  void drain(Memory&) {}

 private:
  std::size_t allocate_batch(Memory& memory) {
    batch_queue::batch_type batch = queue_.take_empty();
    const std::size_t count = batch.size();
    for (void*& at : batch) at = take(memory, bytes_);
    queue_.put_full(std::move(batch));
    return count;
  }

  std::size_t free_batch(Memory& memory) {
    batch_queue::batch_type batch = queue_.take_full();
    for (void* const at : batch) memory.deallocate(at, bytes_);
    queue_.put_empty(std::move(batch));
    return 0;
  }

  std::size_t bytes_;
  std::size_t batches_;
  bool allocates_;
  batch_queue& queue_;
};

}  // namespace cistern::perf
