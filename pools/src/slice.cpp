// SPDX-License-Identifier: MIT
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/slice.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

namespace cistern::inline v0 {

slice::slice(byte_buffer&& bytes) {
  if (bytes.empty()) return;
  void* const memory = bucket_pool::process().allocate(sizeof(detail::slice_block), alignof(detail::slice_block));
  block_ = new (memory) detail::slice_block(std::move(bytes));
  data_ = block_->bytes.data();
  size_ = block_->bytes.size();
  if (block_->bytes.home_ != nullptr) block_->bytes.home_->pin(block_->bytes.capacity());
}

slice slice::copy_of(std::span<const std::byte> bytes, std::pmr::memory_resource* resource) {
  byte_buffer copy(resource);
  copy.reserve(bytes.size());
  copy.append(bytes);
  return slice(std::move(copy));
}

// The buffer's block goes where it came from as the buffer ends.
byte_buffer slice::take_bytes(detail::slice_block* block) noexcept {
  if (block->bytes.home_ != nullptr) block->bytes.home_->unpin(block->bytes.capacity());
  byte_buffer bytes = std::move(block->bytes);
  block->~slice_block();
  bucket_pool::process().deallocate(block, sizeof *block, alignof(detail::slice_block));
  return bytes;
}

void slice::free_block(detail::slice_block* block) noexcept { take_bytes(block); }

slice slice::part(std::size_t position, std::size_t count) const& {
  if (position > size_)
    throw std::out_of_range("cistern: slice: position " + std::to_string(position) + " of " + std::to_string(size_));
  slice some = *this;
  some.remove_prefix(position);
  some.remove_suffix(some.size_ - std::min(count, some.size_));
  return some;
}

slice slice::split_front(std::size_t count) noexcept {
  slice front = *this;
  front.remove_suffix(size_ - std::min(count, size_));
  remove_prefix(count);
  return front;
}

slice slice::split_back(std::size_t count) noexcept {
  slice back = *this;
  back.remove_prefix(count);
  remove_suffix(size_ - std::min(count, size_));
  return back;
}

// What holds no byte holds no block.
void slice::remove_prefix(std::size_t count) noexcept {
  if (count >= size_) return reset();
  data_ += count;
  size_ -= count;
}

void slice::remove_suffix(std::size_t count) noexcept {
  if (count >= size_) return reset();
  size_ -= count;
}

byte_buffer slice::copy() const {
  byte_buffer made = block_->bytes.with_same_home(size_);
  made.append(span());
  return made;
}

bool slice::compact(std::size_t part) {
  if (block_ == nullptr || size_ > pinned() / std::max<std::size_t>(part, 1)) return false;
  slice own(copy());
  if (own.pinned() >= pinned()) return false;
  *this = std::move(own);
  return true;
}

byte_buffer slice::thaw() && {
  if (block_ == nullptr) return {};
  // Acquire pairs with the release of another owner's let_go().
  if (block_->owners.load(std::memory_order_acquire) != 1) {
    byte_buffer own = copy();
    reset();
    return own;
  }
  const auto front = static_cast<std::size_t>(data_ - block_->bytes.data());
  const std::size_t bytes = size_;
  byte_buffer own = take_bytes(std::exchange(block_, nullptr));
  data_ = nullptr;
  size_ = 0;
  own.consume(front);
  own.pop(own.size() - bytes);
  return own;
}

}  // namespace cistern::inline v0
