// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/detail/tcmalloc_calls.hpp>
#include <cistern/allocators/export.hpp>

#include <algorithm>
#include <cstddef>

namespace cistern::inline v0 {

/// tcmalloc of gperftools, beside the process's malloc and not in its place. Link cistern::tcmalloc.
///
/// The fastest on one thread, also for blocks of 64 KiB. Not for programs whose memory must come back: it gives little
/// back, and only when told (trim). TCMALLOC_... variables are read as usual.
struct tcmalloc_backend {
  static void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= small_alignment) [[likely]]
      return detail::taken(cistern_tc_malloc(at_least(bytes, alignment)));
    return detail::taken(allocate_aligned(bytes, alignment));
  }

  // Sized: tcmalloc's fast path, which need not look the block up. A block of larger alignment may be of another class
  // than its size says, and is looked up.
  static void deallocate(void* block, std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= small_alignment) [[likely]]
      cistern_tc_free_sized(detail::given(block), at_least(bytes, alignment));
    else
      cistern_tc_free(detail::given(block));
  }

  CISTERN_EXPORT static std::size_t good_size(std::size_t bytes) noexcept;
  static std::size_t usable_size(void* block) noexcept { return cistern_tc_malloc_size(block); }
  CISTERN_EXPORT static bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                                        std::size_t alignment) noexcept;
  CISTERN_EXPORT static void trim() noexcept;
  CISTERN_EXPORT static backend_statistics statistics();
  static constexpr std::string_view name() noexcept { return "tcmalloc"; }
  CISTERN_EXPORT static std::string version();

  friend bool operator==(tcmalloc_backend, tcmalloc_backend) noexcept { return true; }

 private:
  static constexpr std::size_t small_alignment = alignof(std::max_align_t);

  // The smallest class is 8 bytes and aligned to 8; every size from 16 on is aligned to 16.
  static constexpr std::size_t at_least(std::size_t bytes, std::size_t alignment) noexcept {
    return std::max(bytes, alignment);
  }

  CISTERN_EXPORT static void* allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept;
};

static_assert(memory_backend<tcmalloc_backend>);

}  // namespace cistern::inline v0
