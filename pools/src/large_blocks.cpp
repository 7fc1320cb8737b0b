// SPDX-License-Identifier: MIT
#include "large_blocks.hpp"

#include <bit>
#include <mutex>
#include <new>
#include <utility>

namespace cistern::inline v0::detail {
namespace {

std::size_t hash(const void* address) noexcept {
  return static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15 >> 20);
}

}  // namespace

large_blocks::~large_blocks() {
  for (std::size_t i = 0; i < size_; ++i)
    while (record* const gone = buckets_[i]) {
      buckets_[i] = gone->next;
      source_.deallocate(gone, sizeof(record), alignof(record));
    }
  if (buckets_ != nullptr) source_.deallocate(buckets_, size_ * sizeof(void*), alignof(void*));
}

large_blocks::record** large_blocks::place_of(const void* address) noexcept {
  if (size_ == 0) return nullptr;
  record** at = &buckets_[hash(address) & (size_ - 1)];
  while (*at != nullptr && (*at)->address != address) at = &(*at)->next;
  return at;
}

// Longer chains are as right; so a failure is none.
void large_blocks::grow() noexcept {
  const std::size_t size = size_ == 0 ? 64 : 2 * size_;
  auto* const larger = static_cast<record**>(source_.allocate(size * sizeof(void*), alignof(void*)));
  if (larger == nullptr) return;
  for (std::size_t i = 0; i < size; ++i) larger[i] = nullptr;
  for (std::size_t i = 0; i < size_; ++i)
    while (record* const moved = buckets_[i]) {
      buckets_[i] = moved->next;
      record*& first = larger[hash(moved->address) & (size - 1)];
      moved->next = first;
      first = moved;
    }
  if (buckets_ != nullptr) source_.deallocate(buckets_, size_ * sizeof(void*), alignof(void*));
  buckets_ = larger;
  size_ = size;
}

bool large_blocks::add(const record& what) noexcept {
  const std::scoped_lock lock(mutex_);
  if (numbers_.live_blocks >= size_) grow();
  if (size_ == 0) return false;
  void* const memory = source_.allocate(sizeof(record), alignof(record));
  if (memory == nullptr) return false;
  record*& first = buckets_[hash(what.address) & (size_ - 1)];
  auto* const made = new (memory) record(what);
  made->next = first;
  first = made;
  ++numbers_.live_blocks;
  ++numbers_.gets;
  numbers_.live_bytes += what.bytes;
  return true;
}

bool large_blocks::find(const void* address, record& found, bool and_remove) noexcept {
  const std::scoped_lock lock(mutex_);
  record** const place = place_of(address);
  if (place == nullptr || *place == nullptr) return false;
  found = **place;
  if (!and_remove) return true;
  record* const gone = std::exchange(*place, (*place)->next);
  --numbers_.live_blocks;
  numbers_.live_bytes -= gone->bytes;
  source_.deallocate(gone, sizeof(record), alignof(record));
  return true;
}

large_blocks::whereabouts large_blocks::whereabouts_of(const void* address) const noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return whereabouts::none;
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t i = 0; i < size_; ++i)
    for (const record* each = buckets_[i]; each != nullptr; each = each->next) {
      const auto begin = reinterpret_cast<std::uintptr_t>(each->address);
      if (at - begin < each->bytes) return at == begin ? whereabouts::beginning : whereabouts::inside;
    }
  return whereabouts::none;
}

void large_blocks::resize(const void* address, std::size_t bytes) noexcept {
  const std::scoped_lock lock(mutex_);
  record** const place = place_of(address);
  if (place == nullptr || *place == nullptr) return;
  numbers_.live_bytes += bytes - (*place)->bytes;
  (*place)->bytes = bytes;
}

large_blocks::numbers large_blocks::read() noexcept {
  const std::scoped_lock lock(mutex_);
  return numbers_;
}

}  // namespace cistern::inline v0::detail
