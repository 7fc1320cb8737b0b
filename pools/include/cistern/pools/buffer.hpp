// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/pools/detail/block_pool.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace cistern::inline v0 {

class bucket_pool;

/// A block of a bucket_pool that puts itself back: `size()` bytes of use in `capacity()` bytes of room.
///
/// Move-only; a moved-from and a default-constructed one are empty. Not growable.
/// Contents are what the last user left, unless the pool zeroes.
///
/// Threads: one at a time, and any may destroy it. Lifetime: it may outlive its pool; the pool then says so as it ends,
/// and the memory goes with the last buffer.
class [[nodiscard]] buffer {
 public:
  buffer() noexcept = default;
  buffer(buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)),
        pool_(other.pool_),
        step_(other.step_) {}
  buffer& operator=(buffer&& other) noexcept {
    if (this != &other) {
      reset();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
      pool_ = other.pool_;
      step_ = other.step_;
    }
    return *this;
  }
  ~buffer() { reset(); }

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  /// False for one that has no block.
  explicit operator bool() const noexcept { return data_ != nullptr; }

  std::span<std::byte> span() noexcept { return {data_, size_}; }
  std::span<const std::byte> span() const noexcept { return {data_, size_}; }

  /// Within the capacity: false, and nothing changes, beyond it.
  bool resize(std::size_t size) noexcept {
    if (size > capacity_) return false;
    size_ = size;
    return true;
  }

  /// Puts the block back, and is empty.
  void reset() noexcept {
    if (data_ == nullptr) return;
    if (step_ < detail::size_step::count) [[likely]]
      pool_->put(data_, step_);
    else
      put_slow();
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

 private:
  friend class bucket_pool;
  buffer(std::byte* data, std::size_t size, std::size_t capacity, detail::block_pool& pool, std::size_t step) noexcept
      : data_(data), size_(size), capacity_(capacity), pool_(&pool), step_(step) {}
  CISTERN_EXPORT void put_slow() noexcept;

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  detail::block_pool* pool_ = nullptr;
  std::size_t step_ = 0;  // size_step::count: the pool must look
};

}  // namespace cistern::inline v0
