// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"
#include <cistern/allocators/poison.hpp>

#include <compare>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <mutex>
#include <new>
#include <vector>

namespace cistern::fuzz {

/// Memory of operator new that ends after so many allocations, and comes again; of which it is known who has what.
/// It refuses what is large. Larger blocks are used again by later runs, for fresh pages are most of what a short run
/// costs. Threads: any.
class failing_upstream final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t largest = std::size_t{8} << 20;

  /// Serves `first` allocations, and then refuses `count`.
  void fail_after(std::size_t first, std::size_t count) {
    const std::scoped_lock lock(mutex_);
    to_serve_ = first;
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
    auto operator<=>(const shape&) const = default;
  };

  bool refuses() {
    if (to_fail_ == 0) return false;
    const bool serves = to_serve_ != 0;
    --(serves ? to_serve_ : to_fail_);
    return !serves;
  }
  static std::vector<void*>& used(const shape& what) {
    static auto& all = *new std::map<shape, std::vector<void*>>;  // there at the end of the program, too
    return all[what];
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::scoped_lock lock(mutex_);
    if (bytes > largest || alignment > largest || refuses()) throw std::bad_alloc();
    void* block = nullptr;
    if (std::vector<void*>& past = used({bytes, alignment}); !past.empty()) {
      block = past.back();
      past.pop_back();
      detail::unpoison(block, bytes);
    } else {
      block = ::operator new(bytes, std::align_val_t(alignment));
    }
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
    constexpr std::size_t large = std::size_t{64} << 10, most = 4;
    std::vector<void*>& kept = used({bytes, alignment});
    if (bytes < large || kept.size() >= most) return ::operator delete(block, std::align_val_t(alignment));
    detail::poison(block, bytes);
    kept.push_back(block);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  static inline std::mutex mutex_;  // one for all, because of used()
  // Guarded by mutex_.
  std::map<void*, shape> live_;
  std::size_t live_bytes_ = 0, to_serve_ = 0, to_fail_ = 0;
};

}  // namespace cistern::fuzz
