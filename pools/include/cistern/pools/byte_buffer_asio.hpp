// SPDX-License-Identifier: MIT
#pragma once

// Needs Asio, without Boost; empty without it.
#if __has_include(<asio/buffer.hpp>)

#include <cistern/pools/byte_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include <asio/buffer.hpp>

namespace cistern::inline v0 {

/// A byte_buffer as one of Asio's dynamic buffers, of both versions: `asio::read_until(socket, dynamic_buffer(b),
/// '\n')`.
///
/// Refers to the buffer, and is copied freely. At most max_size() bytes are in the buffer through it; std::length_error
/// beyond. Do not change the buffer while an asynchronous operation has it. Threads and lifetime: the buffer's.
class asio_byte_buffer {
 public:
  using const_buffers_type = asio::const_buffer;
  using mutable_buffers_type = asio::mutable_buffer;

  explicit asio_byte_buffer(byte_buffer& buffer, std::size_t max_size = byte_buffer::max_size()) noexcept
      : buffer_(&buffer), max_size_(max_size) {}

  std::size_t size() const noexcept { return std::min(buffer_->size(), max_size_); }
  std::size_t max_size() const noexcept { return max_size_; }
  std::size_t capacity() const noexcept { return std::min(buffer_->capacity(), max_size_); }
  void consume(std::size_t count) noexcept { buffer_->consume(count); }

  // Version 1. More is not committed than was prepared.

  const_buffers_type data() const noexcept { return {buffer_->data(), size()}; }
  mutable_buffers_type prepare(std::size_t count) {
    check(count);
    return {buffer_->prepare(count).data(), count};
  }
  void commit(std::size_t count) noexcept { buffer_->commit(count); }

  // Version 2.

  mutable_buffers_type data(std::size_t position, std::size_t count) noexcept {
    position = std::min(position, size());
    return {buffer_->data() + position, std::min(count, size() - position)};
  }
  const_buffers_type data(std::size_t position, std::size_t count) const noexcept {
    position = std::min(position, size());
    return {buffer_->data() + position, std::min(count, size() - position)};
  }
  void grow(std::size_t count) {
    check(count);
    buffer_->resize_for_overwrite(buffer_->size() + count);
  }
  void shrink(std::size_t count) noexcept { buffer_->pop(count); }

 private:
  void check(std::size_t count) const {
    if (buffer_->size() > max_size_ || count > max_size_ - buffer_->size())
      throw std::length_error("cistern: asio_byte_buffer: longer than max_size()");
  }

  byte_buffer* buffer_;
  std::size_t max_size_;
};

/// The role of asio::dynamic_buffer().
inline asio_byte_buffer dynamic_buffer(byte_buffer& buffer, std::size_t max_size = byte_buffer::max_size()) noexcept {
  return asio_byte_buffer(buffer, max_size);
}

}  // namespace cistern::inline v0

#endif
