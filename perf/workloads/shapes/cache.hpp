// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/block.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cistern::perf {

/// Writes to a small block again and again: slow when another thread's block lies in the same cache line.
template <class Memory>
void hammer(Memory& memory, void* block, std::size_t bytes, std::size_t writes) {
  if constexpr (requires { memory.stamped(); })
    if (memory.stamped()) return;
  auto* const at = static_cast<volatile unsigned char*>(block);
  for (std::size_t i = 0; i < writes; i += bytes)
    for (std::size_t j = 0; j < bytes; ++j) at[j] = static_cast<unsigned char>(i);
}

/// Allocate a tiny block, write to it very often, free it. Does the allocator give one cache line to two threads
/// (active false sharing)? The writes are shared out among the threads. After Berger's cache-thrash.
template <class Memory>
class cache_thrash {
 public:
  using shared = nothing_shared;

  cache_thrash(const stage& on, shared&, int)
      : bytes_(on.numbers.sizes.low), writes_(on.numbers.unit / static_cast<std::size_t>(on.numbers.threads)) {}

  void fill(Memory&) {}

  std::uint64_t unit(Memory& memory) {
    void* const at = take(memory, bytes_);
    hammer(memory, at, bytes_, writes_);
    memory.deallocate(at, bytes_);
    return 1;
  }

  void drain(Memory&) {}

 private:
  std::size_t bytes_;
  std::size_t writes_;
};

/// The same, but the main thread first allocates a block for each thread, which that thread frees. Does the allocator
/// let threads go on with pieces of one cache line that they did not get from it themselves (passive false sharing)?
/// After Berger's cache-scratch.
template <class Memory>
class cache_scratch {
 public:
  struct shared {
    explicit shared(const stage& on) : handed(static_cast<std::size_t>(on.numbers.threads)) {}
    std::vector<void*> handed;
  };

  cache_scratch(const stage& on, shared& common, int thread)
      : thrash_(on, nothing_, thread), bytes_(on.numbers.sizes.low), shared_(common), thread_(thread) {}

  // Thread 0 comes first, and is the main thread.
  void fill(Memory& memory) {
    if (thread_ == 0)
      for (void*& at : shared_.handed) at = take(memory, bytes_);
    memory.deallocate(shared_.handed[static_cast<std::size_t>(thread_)], bytes_);
  }

  std::uint64_t unit(Memory& memory) { return thrash_.unit(memory); }

  void drain(Memory&) {}

 private:
  nothing_shared nothing_;
  cache_thrash<Memory> thrash_;
  std::size_t bytes_;
  shared& shared_;
  int thread_;
};

}  // namespace cistern::perf
