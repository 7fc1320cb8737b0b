// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/detail/jemalloc_calls.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/export.hpp>

#include <algorithm>
#include <cstddef>

namespace cistern::inline v0 {

/// jemalloc, beside the process's malloc and not in its place. Link cistern::jemalloc.
///
/// Good for programs whose memory must come back while they run: it purges by decay, and its statistics are the best
/// of all. Above 32 KiB its thread cache is off by default (64 KiB costs 30 times what 4 KiB does,
/// perf/allocators/backends_bench.cpp); MALLOC_CONF is read as usual. For statistics and a purge of one part of a
/// program, see jemalloc_arena.
struct jemalloc_backend {
  static void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= small_alignment) [[likely]]
      return detail::taken(allocate_small(at_least(bytes, alignment)));
    return detail::taken(allocate_aligned(bytes, alignment));
  }

  // Sized, without flags: jemalloc's fast path, which need not look the block up.
  static void deallocate(void* block, std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= small_alignment) [[likely]] {
      if (block != nullptr) cistern_je_sdallocx(detail::given(block), at_least(bytes, alignment), 0);
      return;
    }
    deallocate_aligned(detail::given(block), bytes, alignment);
  }

  static std::size_t good_size(std::size_t bytes) noexcept {
    return std::max(bytes, cistern_je_nallocx(at_least(bytes, 1), 0));  // 0 when there is no such class
  }
  static std::size_t usable_size(void* block) noexcept { return cistern_je_sallocx(block, 0); }
  CISTERN_EXPORT static bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                                        std::size_t alignment) noexcept;
  CISTERN_EXPORT static void trim() noexcept;
  CISTERN_EXPORT static backend_statistics statistics();
  static constexpr std::string_view name() noexcept { return "jemalloc"; }
  CISTERN_EXPORT static std::string version();

  friend bool operator==(jemalloc_backend, jemalloc_backend) noexcept { return true; }

 private:
  static constexpr std::size_t small_alignment = alignof(std::max_align_t);

  // The smallest class is 8 bytes and aligned to 8; every size from 16 on is aligned to 16.
  static constexpr std::size_t at_least(std::size_t bytes, std::size_t alignment) noexcept {
    return std::max({bytes, alignment, std::size_t{1}});
  }

  static void* allocate_small(std::size_t bytes) noexcept {
#if CISTERN_JEMALLOC_SHIM
    return cistern_je_mallocx(bytes, 0);
#else
    return cistern_je_malloc(bytes);
#endif
  }
  CISTERN_EXPORT static void* allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept;
  CISTERN_EXPORT static void deallocate_aligned(void* block, std::size_t bytes, std::size_t alignment) noexcept;
};

static_assert(memory_backend<jemalloc_backend>);

}  // namespace cistern::inline v0
