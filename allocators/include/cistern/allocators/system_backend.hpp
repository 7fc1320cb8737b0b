// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/export.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace cistern::inline v0 {

/// The C library's malloc, or whatever malloc is in this process (malloc_binding() tells).
///
/// The default, and the one that costs nothing to have. Alignments up to 16 go to malloc itself: libstdc++'s
/// new_delete_resource always takes the aligned path, 2.8 times slower (perf/allocators/backends_bench.cpp).
/// Sizes and usable sizes are exact for glibc; statistics and trim() do something only where malloc is glibc's.
struct system_backend {
  static void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= malloc_alignment) [[likely]]
      return std::malloc(std::max(bytes, alignment));  // not all that may be malloc align 8 bytes to 16
    return allocate_aligned(bytes, alignment);
  }

  static void deallocate(void* block, std::size_t /*bytes*/, std::size_t /*alignment*/) noexcept { std::free(block); }

  CISTERN_EXPORT static std::size_t good_size(std::size_t bytes) noexcept;
  CISTERN_EXPORT static std::size_t usable_size(void* block) noexcept;
  CISTERN_EXPORT static bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                                        std::size_t alignment) noexcept;
  CISTERN_EXPORT static void trim() noexcept;
  CISTERN_EXPORT static backend_statistics statistics();
  static constexpr std::string_view name() noexcept { return "system"; }
  CISTERN_EXPORT static std::string version();

  friend bool operator==(system_backend, system_backend) noexcept { return true; }

 private:
  static constexpr std::size_t malloc_alignment = alignof(std::max_align_t);

  CISTERN_EXPORT static void* allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept;
};

static_assert(memory_backend<system_backend>);

}  // namespace cistern::inline v0
