// SPDX-License-Identifier: MIT
//
// Blocks that are no class's: the upstream's own.
#include "misuse.hpp"
#include "pool_state.hpp"

#include <algorithm>
#include <cstring>

namespace cistern::inline v0::detail {

namespace {
constexpr std::size_t most_ever = std::size_t{1} << 47;  // of addresses
}

void* pool_state::get_large(std::size_t bytes, std::size_t alignment) noexcept {
  if (ended_.load(std::memory_order_relaxed)) misuse::used_after_its_end(*this);
  void* const block = by_policy(
      [](pool_state& self, std::size_t size, std::size_t aligned) noexcept { return self.try_large(size, aligned); },
      bytes, alignment, bytes <= std::min(source_.limit(), most_ever));
  if (block != nullptr && options_.zero_on_get) std::memset(block, 0, bytes);
  return block;
}

void* pool_state::try_large(std::size_t bytes, std::size_t alignment) noexcept {
  alignment = std::max(alignment, options_.alignment);
  const std::size_t asked = std::max<std::size_t>(bytes, 1);
  void* const block = source_.allocate(asked, alignment);
  if (block == nullptr) return nullptr;
  if (large_.add({.address = block, .bytes = bytes, .alignment = alignment, .guarded = 0, .next = nullptr}))
    return block;
  source_.deallocate(block, asked, alignment);
  return nullptr;
}

bool pool_state::put_large(void* block, std::size_t bytes, bool sized) noexcept {
  const share held(*this);
  large_blocks::record gone{};
  if (!large_.find(block, gone, false)) return false;
  if (sized && gone.bytes != bytes) misuse::wrong_size(*this, block, gone.bytes, bytes);
  if (!large_.find(block, gone, true)) misuse::put_twice(*this, block, bytes);  // by two threads at once
  if (options_.zero_on_put) std::memset(block, 0, gone.bytes);
  if (gone.guarded != 0)
    put_guarded(gone);
  else
    source_.deallocate(block, std::max<std::size_t>(gone.bytes, 1), gone.alignment);
  return true;
}

bool pool_state::find_large(const void* block, std::size_t& bytes) noexcept {
  large_blocks::record found{};
  const bool is_large = large_.find(block, found, false);
  bytes = found.bytes;
  return is_large;
}

bool pool_state::resize_large(void* block, std::size_t bytes) noexcept {
  large_blocks::record found{};
  if (source_.backend() == nullptr || bytes <= classes_.largest() || !large_.find(block, found, false)) return false;
  if (options_.zero_on_put && bytes < found.bytes) return false;  // what it would lose is not wiped
  if (found.guarded != 0 || !source_.resize(block, std::max<std::size_t>(found.bytes, 1), bytes, found.alignment))
    return false;
  large_.resize(block, bytes);
  return true;
}

}  // namespace cistern::inline v0::detail
