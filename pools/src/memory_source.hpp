// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/resource_backend.hpp>
#include <cistern/allocators/sync.hpp>

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
    if (!own_.try_reserve(bytes)) return false;
    if (shared_ == nullptr || shared_->try_reserve(bytes)) return true;
    own_.release(bytes);
    return false;
  }
  void uncount(std::size_t bytes) noexcept {
    own_.release(bytes);
    if (shared_ != nullptr) shared_->release(bytes);
  }

  /// nullptr when a budget is spent or the upstream has no memory.
  void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (!count(bytes)) return nullptr;
    void* const block = upstream_.allocate(bytes, alignment);
    if (block == nullptr) uncount(bytes);
    return block;
  }
  void deallocate(void* block, std::size_t bytes, std::size_t alignment) noexcept {
    upstream_.deallocate(block, bytes, alignment);
    returned_.fetch_add(bytes, std::memory_order_relaxed);
    uncount(bytes);
  }
  /// In place; only if the upstream is a backend.
  bool resize(void* block, std::size_t old_bytes, std::size_t new_bytes, std::size_t alignment) noexcept {
    const std::size_t more = new_bytes > old_bytes ? new_bytes - old_bytes : 0;
    if (!count(more)) return false;
    const bool resized = backend_->try_resize(block, old_bytes, new_bytes, alignment);
    uncount(!resized ? more : new_bytes < old_bytes ? old_bytes - new_bytes : 0);
    return resized;
  }
  void trim() noexcept {
    if (backend_ != nullptr) backend_->trim();
  }

  const memory_budget& own() const noexcept { return own_; }
  std::uint64_t returned() const noexcept { return returned_.load(std::memory_order_relaxed); }  // bytes, so far
  bool has_shared() const noexcept { return shared_ != nullptr; }
  std::pmr::memory_resource* resource() const noexcept { return upstream_.resource(); }
  backend_resource* backend() const noexcept { return backend_; }

 private:
  resource_backend upstream_;
  backend_resource* backend_;  // the upstream, if it is one
  memory_budget own_;
  memory_budget* shared_;
  sync::atomic<std::uint64_t> returned_{0};
};

}  // namespace cistern::inline v0::detail
