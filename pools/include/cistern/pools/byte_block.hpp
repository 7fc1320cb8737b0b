// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <memory_resource>
#include <span>
#include <utility>

namespace cistern::inline v0 {

class byte_buffer;

/// The block of a byte_buffer without the buffer: finished bytes on their way to somebody else, who frees them.
///
/// What byte_buffer::release() gives; a byte_buffer may be made of it again. Not growable. Move-only; a moved-from and
/// a default-constructed one are empty. Threads: one at a time, and any may destroy it. Lifetime: its memory resource
/// outlives it.
class [[nodiscard]] byte_block {
 public:
  byte_block() noexcept = default;
  byte_block(byte_block&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        resource_(other.resource_) {}
  byte_block& operator=(byte_block&& other) noexcept {
    if (this != &other) {
      reset();
      block_ = std::exchange(other.block_, nullptr);
      capacity_ = std::exchange(other.capacity_, 0);
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      resource_ = other.resource_;
    }
    return *this;
  }
  ~byte_block() { reset(); }

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::size_t capacity() const noexcept { return capacity_; }  ///< of the whole block; data() may lie inside of it
  CISTERN_EXPORT std::pmr::memory_resource* resource() const noexcept;
  explicit operator bool() const noexcept { return block_ != nullptr; }  ///< whether there is a block

  std::span<std::byte> span() noexcept { return {data_, size_}; }
  std::span<const std::byte> span() const noexcept { return {data_, size_}; }

  /// Gives the memory back, and is empty.
  void reset() noexcept {
    if (block_ != nullptr) deallocate();
  }

 private:
  friend class byte_buffer;
  CISTERN_EXPORT void deallocate() noexcept;

  std::byte* block_ = nullptr;
  std::size_t capacity_ = 0;
  std::byte* data_ = nullptr;  // in the block
  std::size_t size_ = 0;
  std::pmr::memory_resource* resource_ = nullptr;  // nullptr: bucket_pool::process()
};

}  // namespace cistern::inline v0
