// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/detail/mimalloc_calls.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/export.hpp>

#include <algorithm>
#include <cstddef>

namespace cistern::inline v0 {

/// mimalloc, beside the process's malloc and not in its place. Link cistern::mimalloc.
///
/// Good for many small blocks, and for blocks that other threads free: a free by another thread costs it one atomic
/// operation. Not for programs whose use of memory falls slowly: free blocks that lie among live ones keep their pages.
/// MIMALLOC_... variables are read as usual. For memory that goes away all at once, see mimalloc_heap.
struct mimalloc_backend {
  static void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= small_alignment) [[likely]]
      return detail::taken(cistern_mi_malloc(at_least(bytes, alignment)));
    return detail::taken(allocate_aligned(bytes, alignment));
  }

  // mimalloc finds a block's page by its address; a size would only be checked.
  static void deallocate(void* block, std::size_t /*bytes*/, std::size_t /*alignment*/) noexcept {
    cistern_mi_free(detail::given(block));
  }

  static std::size_t good_size(std::size_t bytes) noexcept {
    return std::max(bytes, cistern_mi_good_size(at_least(bytes, 1)));
  }
  static std::size_t usable_size(void* block) noexcept { return cistern_mi_usable_size(block); }
  static bool try_resize(void* block, std::size_t /*old_bytes*/, std::size_t new_bytes,
                         std::size_t /*alignment*/) noexcept {
    return new_bytes <= cistern_mi_usable_size(block);
  }
  CISTERN_EXPORT static void trim() noexcept;
  CISTERN_EXPORT static backend_statistics statistics();
  static constexpr std::string_view name() noexcept { return "mimalloc"; }
  CISTERN_EXPORT static std::string version();

  friend bool operator==(mimalloc_backend, mimalloc_backend) noexcept { return true; }

 private:
  static constexpr std::size_t small_alignment = alignof(std::max_align_t);

  // The smallest class is 8 bytes and aligned to 8; every size from 16 on is aligned to 16.
  static constexpr std::size_t at_least(std::size_t bytes, std::size_t alignment) noexcept {
    return std::max(bytes, alignment);
  }

  CISTERN_EXPORT static void* allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept;
};

static_assert(memory_backend<mimalloc_backend>);

}  // namespace cistern::inline v0
