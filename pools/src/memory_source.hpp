// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/resource_backend.hpp>
#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace cistern::inline v0::detail {

/// Where a pool's memory comes from, and the two budgets that it is counted against: the pool's own, and one that it
/// may share with others.
class memory_source {
 public:
  memory_source(std::pmr::memory_resource& upstream, std::size_t max_bytes, memory_budget* shared) noexcept
      : upstream_(&upstream), backend_(dynamic_cast<backend_resource*>(&upstream)), own_(max_bytes), shared_(shared) {}

  /// Counts memory that was taken from the upstream before, or that will be given back after. False above a budget.
  bool count(std::size_t bytes) noexcept {
    if (!reserve(bytes)) return false;
    took(bytes);
    return true;
  }
  void uncount(std::size_t bytes) noexcept {
    taken_.fetch_sub(bytes, std::memory_order_relaxed);
    release(bytes);
  }

  /// nullptr when a budget is spent or the upstream has no memory.
  void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (!reserve(bytes)) return nullptr;
    const in_upstream call;
    void* const block = upstream_.allocate(bytes, alignment);
    if (block != nullptr)
      took(bytes);
    else
      release(bytes);
    return block;
  }
  void deallocate(void* block, std::size_t bytes, std::size_t alignment) noexcept {
    const in_upstream call;
    upstream_.deallocate(block, bytes, alignment);
    returned_.fetch_add(bytes, std::memory_order_relaxed);
    uncount(bytes);
  }
  /// In place; only if the upstream is a backend.
  bool resize(void* block, std::size_t old_bytes, std::size_t new_bytes, std::size_t alignment) noexcept {
    const std::size_t more = new_bytes > old_bytes ? new_bytes - old_bytes : 0;
    if (!reserve(more)) return false;
    const bool resized = backend_->try_resize(block, old_bytes, new_bytes, alignment);
    if (resized)
      took(more);
    else
      release(more);
    if (resized && new_bytes < old_bytes) uncount(old_bytes - new_bytes);
    return resized;
  }
  void trim() noexcept {
    if (backend_ != nullptr) backend_->trim();
  }

  /// Whether this thread is in a call to the upstream of a pool: of this one's user, if that is a pool. It may hold
  /// that pool's locks, so it must not wait for others, nor run what takes locks of theirs.
  static bool in_upstream_call() noexcept { return sync::words().upstream_calls != 0; }

  /// The most that can ever be had at once.
  std::size_t limit() const noexcept {
    return shared_ != nullptr ? std::min(own_.limit(), shared_->limit()) : own_.limit();
  }
  std::size_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
  std::size_t high_water() const noexcept { return high_water_.load(std::memory_order_relaxed); }
  std::uint64_t returned() const noexcept { return returned_.load(std::memory_order_relaxed); }  // bytes, so far
  bool has_shared() const noexcept { return shared_ != nullptr; }
  std::pmr::memory_resource* resource() const noexcept { return upstream_.resource(); }
  backend_resource* backend() const noexcept { return backend_; }

 private:
  struct in_upstream {
    in_upstream() noexcept { ++sync::words().upstream_calls; }
    ~in_upstream() { --sync::words().upstream_calls; }
    in_upstream(const in_upstream&) = delete;
    in_upstream& operator=(const in_upstream&) = delete;
  };

  bool reserve(std::size_t bytes) noexcept {
    if (!own_.try_reserve(bytes)) return false;
    if (shared_ == nullptr || shared_->try_reserve(bytes)) return true;
    own_.release(bytes);
    return false;
  }
  void release(std::size_t bytes) noexcept {
    own_.release(bytes);
    if (shared_ != nullptr) shared_->release(bytes);
  }
  void took(std::size_t bytes) noexcept {
    const std::size_t now = taken_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::size_t most = high_water_.load(std::memory_order_relaxed);
    while (now > most && !high_water_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }

  resource_backend upstream_;
  backend_resource* backend_;  // the upstream, if it is one
  memory_budget own_;
  memory_budget* shared_;
  // Each for its own value only.
  sync::atomic<std::size_t> taken_{0}, high_water_{0};
  sync::atomic<std::uint64_t> returned_{0};
};

}  // namespace cistern::inline v0::detail
