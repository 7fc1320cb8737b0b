// SPDX-License-Identifier: MIT
//
// What a byte_buffer does when its room has ended, and where its memory comes from.
//
// Growing goes through four steps, the cheapest first: what is consumed makes room, if moving what is left is paid for
// by what was consumed; the block becomes larger where it lies; another block, of a multiple of the old one's size;
// another one of just what is needed, when there is no memory for more. When there is no memory at all, moving what is
// left must do, if it does.
#include "pool_state.hpp"
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>

namespace cistern::inline v0 {
namespace {

// Small blocks grow fast: their bytes would be copied often, and their room is cheap. From 1 KiB to 64 KiB in three
// steps instead of six: see growing in perf/pools/byte_buffer_bench.cpp.
constexpr std::size_t smallest = 64, grows_fast_below = std::size_t{32} << 10;
// Below it, a copy costs less than to ask whether it can be spared.
constexpr std::size_t extended_from = std::size_t{16} << 10;

constexpr std::size_t next_capacity(std::size_t capacity) noexcept {
  if (capacity == 0) return smallest;
  return capacity < grows_fast_below ? 4 * capacity : std::min(2 * capacity, byte_buffer::max_size());
}

struct memory {
  std::byte* block;
  std::size_t capacity;
};

bucket_pool* as_pool(std::pmr::memory_resource* resource) noexcept {
  if (resource == nullptr) return &bucket_pool::process();
  return typeid(*resource) == typeid(bucket_pool) ? static_cast<bucket_pool*>(resource) : nullptr;
}

bool has_ended(bucket_pool& pool) noexcept { return detail::pool_state::of(pool.core()).has_ended(); }

// All of what the block holds, which is also the size to give it back with.
memory allocate(std::pmr::memory_resource* resource, std::size_t bytes) {
  if (bucket_pool* const pool = as_pool(resource)) {
    if (has_ended(*pool)) throw std::bad_alloc();  // of buffers that have outlived it
    void* const block = pool->allocate(bytes);
    return {static_cast<std::byte*>(block), std::max(bytes, pool->usable_size(block))};
  }
  if (const auto* const backend = dynamic_cast<const backend_resource*>(resource)) bytes = backend->good_size(bytes);
  return {static_cast<std::byte*>(resource->allocate(bytes)), bytes};
}

void deallocate_block(std::pmr::memory_resource* resource, std::byte* block, std::size_t capacity) noexcept {
  if (resource == nullptr)
    bucket_pool::process().deallocate(block, capacity);
  else
    resource->deallocate(block, capacity);
}

}  // namespace

std::pmr::memory_resource* byte_block::resource() const noexcept {
  return resource_ != nullptr ? resource_ : &bucket_pool::process();
}

void byte_block::deallocate() noexcept {
  deallocate_block(resource_, block_, capacity_);
  block_ = data_ = nullptr;
  capacity_ = size_ = 0;
}

byte_buffer::byte_buffer(byte_block&& block) noexcept
    : block_(std::exchange(block.block_, nullptr)),
      begin_(std::exchange(block.data_, nullptr)),
      end_(begin_ + std::exchange(block.size_, 0)),
      limit_(block_ + std::exchange(block.capacity_, 0)),
      resource_(block.resource_) {}

std::pmr::memory_resource* byte_buffer::resource() const noexcept {
  return resource_ != nullptr ? resource_ : &bucket_pool::process();
}

void byte_buffer::leave_home() noexcept {
  home_->saw(most_used());
  home_ = nullptr;
}

byte_buffer byte_buffer::with_same_home(std::size_t bytes) const {
  if (home_ == nullptr) {
    byte_buffer made(resource_);
    made.reserve(bytes);
    return made;
  }
  const memory block = allocate(resource_, bytes);
  return {block.block, block.capacity, resource_, *home_};
}

void byte_buffer::deallocate() noexcept { deallocate_block(resource_, block_, capacity()); }

byte_block byte_buffer::release() noexcept {
  const bool of_pool = home_ != nullptr;
  if (of_pool) leave_home();
  byte_block block;
  block.capacity_ = capacity();
  block.size_ = size();
  block.block_ = std::exchange(block_, nullptr);
  block.data_ = std::exchange(begin_, nullptr);
  block.resource_ = resource_;
  if (of_pool) resource_ = nullptr;
  end_ = limit_ = nullptr;
  most_used_ = 0;
  return block;
}

// Growth.

void byte_buffer::grow(std::size_t count) {
  if (count > max_size() - size()) throw std::length_error("cistern: byte_buffer: longer than max_size()");
  const std::size_t needed = size() + count;
  const auto consumed = static_cast<std::size_t>(begin_ - block_);
  // Each byte is consumed once, and pays for two that are moved.
  if (needed <= capacity() && size() <= 2 * consumed) return move_to_front();
  change_block(std::max(needed, next_capacity(capacity())), needed);
}

void byte_buffer::grow_to(std::size_t total) {
  if (total > max_size()) throw std::length_error("cistern: byte_buffer: longer than max_size()");
  if (total <= capacity()) return move_to_front();
  change_block(total, total);
}

bool byte_buffer::try_reserve(std::size_t total) noexcept {
  try {
    reserve(total);
    return true;
  } catch (...) {
    return false;
  }
}

void byte_buffer::change_block(std::size_t wanted, std::size_t needed) {
  const auto consumed = static_cast<std::size_t>(begin_ - block_);
  if (capacity() >= extended_from && wanted <= max_size() - consumed && try_extend(consumed + wanted)) return;
  memory more;
  try {
    more = allocate(resource_, wanted);
  } catch (const std::bad_alloc&) {
    if (needed <= capacity()) return move_to_front();
    if (needed == wanted) throw;
    more = allocate(resource_, needed);
  }
  put_into(more.block, more.capacity);
}

bool byte_buffer::try_extend(std::size_t wanted) noexcept {
  if (bucket_pool* const pool = as_pool(resource_)) {
    // Its large blocks are the upstream's, and may grow where they are; where not, it copies, but all of the block.
    if (begin_ != block_ || has_ended(*pool) || capacity() <= pool->options().classes.largest()) return false;
    const std::size_t bytes = size();
    void* const larger = pool->realloc(block_, wanted);
    if (larger == nullptr) return false;
    block_ = begin_ = static_cast<std::byte*>(larger);
    end_ = block_ + bytes;
    limit_ = block_ + pool->usable_size(larger);
    return true;
  }
  auto* const backend = dynamic_cast<backend_resource*>(resource_);
  if (backend == nullptr) return false;
  wanted = backend->good_size(wanted);
  if (!backend->try_resize(block_, capacity(), wanted)) return false;
  limit_ = block_ + wanted;
  return true;
}

void byte_buffer::put_into(std::byte* block, std::size_t capacity) noexcept {
  const std::size_t bytes = size();
  if (bytes != 0) std::memcpy(block, begin_, bytes);
  if (block_ != nullptr) deallocate();
  block_ = begin_ = block;
  end_ = block + bytes;
  limit_ = block + capacity;
}

void byte_buffer::move_to_front() noexcept {
  const std::size_t bytes = size();
  if (bytes != 0) std::memmove(block_, begin_, bytes);
  begin_ = block_;
  end_ = block_ + bytes;
}

void byte_buffer::shrink_to_fit() noexcept {
  if (block_ == nullptr) return;
  if (empty() && home_ == nullptr) {  // a home is for a block
    deallocate();
    block_ = begin_ = end_ = limit_ = nullptr;
    return;
  }
  try {
    const memory fitting = allocate(resource_, std::max(size(), smallest));
    if (fitting.capacity < capacity())
      put_into(fitting.block, fitting.capacity);
    else
      deallocate_block(resource_, fitting.block, fitting.capacity);
  } catch (...) {  // it stays as it is
  }
}

// Contents.

bool byte_buffer::holds(const void* address) const noexcept {
  return std::less_equal<const void*>()(begin_, address) && std::less<const void*>()(address, end_);
}

void byte_buffer::append_slow(const void* bytes, std::size_t count) {
  const bool own = holds(bytes);
  const std::ptrdiff_t offset = own ? static_cast<const std::byte*>(bytes) - begin_ : 0;
  grow(count);
  std::memcpy(end_, own ? begin_ + offset : bytes, count);
  end_ += count;
}

void byte_buffer::check(std::size_t position) const {
  if (position > size())
    throw std::out_of_range("cistern: byte_buffer: position " + std::to_string(position) + " of " +
                            std::to_string(size()));
}

std::byte* byte_buffer::open_gap(std::size_t position, std::size_t count) {
  check(position);
  if (position == 0 && count <= static_cast<std::size_t>(begin_ - block_)) return begin_ -= count;
  if (count > room()) grow(count);
  std::byte* const gap = begin_ + position;
  if (position != size()) std::memmove(gap + count, gap, size() - position);
  end_ += count;
  return gap;
}

void byte_buffer::bring_forward(std::size_t position, std::size_t count) noexcept {
  std::rotate(begin_ + position, end_ - count, end_);
}

void byte_buffer::insert(std::size_t position, std::span<const std::byte> bytes) {
  if (bytes.empty()) return check(position);
  if (!holds(bytes.data())) {
    std::memcpy(open_gap(position, bytes.size()), bytes.data(), bytes.size());
    return;
  }
  check(position);
  append(bytes);
  bring_forward(position, bytes.size());
}

void byte_buffer::erase(std::size_t position, std::size_t count) {
  check(position);
  if (position == 0) return consume(count);
  const std::size_t behind = size() - position;
  if (count >= behind) return pop(behind);
  note_use();
  std::memmove(begin_ + position, begin_ + position + count, behind - count);
  end_ -= count;
}

void byte_buffer::assign(std::span<const std::byte> bytes) {
  if (bytes.size() > capacity()) {  // so it is no part of this
    if (bytes.size() > max_size()) throw std::length_error("cistern: byte_buffer: longer than max_size()");
    const memory more = allocate(resource_, bytes.size());
    clear();
    put_into(more.block, more.capacity);
  }
  note_use();
  if (!bytes.empty()) std::memmove(block_, bytes.data(), bytes.size());
  begin_ = block_;
  end_ = block_ + bytes.size();
}

void byte_buffer::resize(std::size_t size) {
  const std::size_t before = this->size();
  resize_for_overwrite(size);
  if (size > before) std::memset(begin_ + before, 0, size - before);
}

void byte_buffer::resize_for_overwrite(std::size_t size) {
  const std::size_t before = this->size();
  if (size <= before) return pop(before - size);
  if (size - before > room()) grow(size - before);
  end_ += size - before;
}

void byte_buffer::committed_too_much() noexcept {
  detail::fatal("byte_buffer: more bytes committed than there was room for");
}

}  // namespace cistern::inline v0
