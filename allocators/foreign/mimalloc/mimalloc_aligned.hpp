// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/mimalloc_calls.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// A block from `allocate(bytes, alignment)`, one of mimalloc's aligned functions, that is aligned; or nullptr.
///
/// mimalloc 2.0.9 takes blocks of 256, 512 and 1024 bytes to be aligned to their size, which they are not always. One
/// byte more takes the path that looks.
template <class Allocate>
void* mimalloc_aligned(Allocate allocate, std::size_t bytes, std::size_t alignment) noexcept {
  if (!std::has_single_bit(alignment)) return nullptr;
  void* const block = allocate(bytes, alignment);
  if ((reinterpret_cast<std::uintptr_t>(block) & (alignment - 1)) == 0) [[likely]]
    return block;
  cistern_mi_free(block);
  return allocate(bytes + 1, alignment);
}

}  // namespace cistern::inline v0::detail
