// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"

#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <new>
#include <unordered_map>

namespace cistern::fuzz {

/// Memory of operator new, of which it is known who has what: a block must come back with the size and the alignment
/// it was taken with. It refuses what is large, and as many allocations as it is told. Threads: any.
class counting_upstream final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t largest = std::size_t{8} << 20;

  void fail_next(std::size_t count) {
    const std::scoped_lock lock(mutex_);
    to_fail_ = count;
  }
  bool is_failing() const {
    const std::scoped_lock lock(mutex_);
    return to_fail_ != 0;
  }
  std::size_t live_bytes() const {
    const std::scoped_lock lock(mutex_);
    return live_bytes_;
  }

 private:
  struct shape {
    std::size_t bytes, alignment;
    bool operator==(const shape&) const = default;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::scoped_lock lock(mutex_);
    if (bytes > largest || alignment > largest) throw std::bad_alloc();
    if (to_fail_ != 0) {
      --to_fail_;
      throw std::bad_alloc();
    }
    void* const block = ::operator new(bytes, std::align_val_t(alignment));
    live_.emplace(block, shape{bytes, alignment});
    live_bytes_ += bytes;
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    const std::scoped_lock lock(mutex_);
    const auto found = live_.find(block);
    require(found != live_.end(), "a block that comes back was given");
    require(found->second == shape{bytes, alignment}, "a block comes back as it was given");
    live_.erase(found);
    live_bytes_ -= bytes;
    ::operator delete(block, std::align_val_t(alignment));
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<void*, shape> live_;
  std::size_t live_bytes_ = 0, to_fail_ = 0;
};

}  // namespace cistern::fuzz
