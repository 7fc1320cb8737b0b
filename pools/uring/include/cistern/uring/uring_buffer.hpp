// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace cistern::inline v0 {

class uring_buffer_pool;

namespace detail {
class uring_buffers;
}

/// A buffer of a uring_buffer_pool that puts itself back.
///
/// While there is a handle, no operation that the pool has begun uses the buffer: beginning one takes the handle, and
/// its completion gives one back. So no handle can put a buffer that the kernel still writes to.
///
/// Move-only; a moved-from and a default-constructed one hold nothing, and are safe to put, destroy and assign to.
/// Threads: one at a time, and any may destroy it. What happened before a put happens before what follows the get that
/// hands the buffer out next. Lifetime: it may outlive its pool; the memory goes with the last handle.
class CISTERN_EXPORT [[nodiscard]] uring_buffer {
 public:
  uring_buffer() noexcept = default;
  uring_buffer(uring_buffer&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), index_(other.index_), memory_(other.memory_) {}
  uring_buffer& operator=(uring_buffer&& other) noexcept {
    if (this != &other) {
      put();
      owner_ = std::exchange(other.owner_, nullptr);
      index_ = other.index_;
      memory_ = other.memory_;
    }
    return *this;
  }
  ~uring_buffer() { put(); }

  explicit operator bool() const noexcept { return owner_ != nullptr; }
  std::byte* data() const noexcept { return span().data(); }
  std::size_t size() const noexcept { return span().size(); }
  std::span<std::byte> span() const noexcept { return owner_ != nullptr ? memory_ : std::span<std::byte>(); }
  /// Its number in the pool, and as a fixed buffer. Requires that there is a buffer.
  std::uint32_t index() const noexcept { return index_; }

  /// Puts it back now; nothing if there is none.
  void put() noexcept;

 private:
  friend class uring_buffer_pool;
  uring_buffer(detail::uring_buffers& owner, std::uint32_t index) noexcept;

  detail::uring_buffers* owner_ = nullptr;
  std::uint32_t index_ = 0;
  std::span<std::byte> memory_;
};

}  // namespace cistern::inline v0
