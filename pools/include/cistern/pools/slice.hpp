// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/byte_buffer.hpp>

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

namespace cistern::inline v0 {

namespace detail {
struct slice_block {
  explicit slice_block(byte_buffer&& from) noexcept : bytes(std::move(from)) {}
  byte_buffer bytes;
  sync::atomic<std::uint32_t> owners{1};
};
}  // namespace detail

/// Bytes that do not change any more, in a block that is there as long as a slice of it: the role of Rust's Bytes and
/// of Netty's retained slices.
///
/// Use it to hand parts of what was read to several readers, or to keep them, without a copy. Not for bytes that
/// change (byte_buffer), and not for a few dozen bytes, which are copied as quickly.
///
/// Made of a byte_buffer, whose bytes stay where they are. Copies and parts share the block and its count. A small
/// slice keeps all of a large block: pinned() says how much, the pool that the block is from says it of all slices
/// (byte_buffer_pool_statistics::pinned), and compact() ends it by a copy.
///
/// Threads: as std::shared_ptr: each slice by one thread at a time, slices of one block by any. What happened before a
/// slice went happens before its block is put. Lifetime: the block's memory resource outlives it; a pool of buffers
/// need not, but for compact() and thaw(), which throw std::bad_alloc then where they copy.
///
/// Complexity: making one allocates 64 bytes (bucket_pool::process()); copies and parts are one atomic addition.
/// Failure: std::bad_alloc as one is made or compacted; nothing has changed then.
///
/// Example: tests/examples/slice_example.cpp.
class CISTERN_EXPORT slice {
 public:
  static constexpr std::size_t npos = std::numeric_limits<std::size_t>::max();

  slice() noexcept = default;
  explicit slice(byte_buffer&& bytes);
  static slice copy_of(std::span<const std::byte> bytes, std::pmr::memory_resource* resource = nullptr);
  slice(const slice& other) noexcept : data_(other.data_), size_(other.size_), block_(other.block_) {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  slice(slice&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        block_(std::exchange(other.block_, nullptr)) {}
  slice& operator=(slice other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(block_, other.block_);
    return *this;
  }
  ~slice() {
    if (block_ != nullptr) let_go();
  }

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const std::byte* begin() const noexcept { return data_; }
  const std::byte* end() const noexcept { return data_ + size_; }
  const std::byte& operator[](std::size_t index) const noexcept { return data_[index]; }
  std::span<const std::byte> span() const noexcept { return {data_, size_}; }
  std::string_view string_view() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

  /// Up to `count` bytes from `position` on; std::out_of_range beyond the end.
  slice part(std::size_t position, std::size_t count = npos) const&;
  /// Takes the first bytes, or all there are, off this one.
  slice split_front(std::size_t count) noexcept;
  /// Takes off this one what comes behind the first bytes.
  slice split_back(std::size_t count) noexcept;
  void remove_prefix(std::size_t count) noexcept;  ///< or all there are
  void remove_suffix(std::size_t count) noexcept;
  /// Is empty, and holds no block.
  void reset() noexcept { *this = slice(); }

  /// Bytes of the block that this keeps alive; 0 when it has none.
  std::size_t pinned() const noexcept { return block_ != nullptr ? block_->bytes.capacity() : 0; }
  /// Slices that share the block, with this one.
  std::uint32_t use_count() const noexcept {
    return block_ != nullptr ? block_->owners.load(std::memory_order_relaxed) : 0;
  }
  /// Moves into a block of its own size if that takes one part in so many of the block's at most. Whether it did.
  bool compact(std::size_t part = 4);
  /// The bytes in a buffer that may change: the block itself if no other slice has it, else a copy. Throws
  /// std::bad_alloc, and is as it was.
  byte_buffer thaw() &&;

  friend bool operator==(const slice& one, const slice& other) noexcept { return one == other.span(); }
  friend bool operator==(const slice& one, std::span<const std::byte> other) noexcept {
    return one.string_view() == text(other);
  }
  friend bool operator==(const slice& one, const byte_buffer& other) noexcept { return one == other.span(); }
  friend bool operator==(const slice& one, std::string_view other) noexcept { return one.string_view() == other; }
  friend std::strong_ordering operator<=>(const slice& one, const slice& other) noexcept {
    return one.string_view() <=> other.string_view();
  }
  friend std::strong_ordering operator<=>(const slice& one, std::string_view other) noexcept {
    return one.string_view() <=> other;
  }

 private:
  static std::string_view text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void let_go() noexcept {
    if (block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)  // pairs with itself: the other owners'
      free_block(block_);
  }
  static void free_block(detail::slice_block* block) noexcept;
  static byte_buffer take_bytes(detail::slice_block* block) noexcept;
  byte_buffer copy() const;

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  detail::slice_block* block_ = nullptr;
};

}  // namespace cistern::inline v0
