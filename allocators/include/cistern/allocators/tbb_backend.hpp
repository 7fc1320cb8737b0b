// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/detail/tbb_calls.hpp>
#include <cistern/allocators/export.hpp>

#include <algorithm>
#include <cstddef>

namespace cistern::inline v0 {

/// TBB's scalable allocator. Link cistern::tbb.
///
/// For programs that have it anyway and want one allocator: it scales with threads, and is slower than the others on
/// each. Not around fork: it has no fork handlers, so the child of a process whose other threads allocate may hang in
/// its first allocation. It tells no statistics.
struct tbb_backend {
  static void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= small_alignment) [[likely]]
      return detail::taken(cistern_scalable_malloc(at_least(bytes, alignment)));
    return detail::taken(allocate_aligned(bytes, alignment));
  }

  static void deallocate(void* block, std::size_t /*bytes*/, std::size_t /*alignment*/) noexcept {
    cistern_scalable_free(detail::given(block));
  }

  static std::size_t good_size(std::size_t bytes) noexcept { return bytes; }
  static std::size_t usable_size(void* block) noexcept { return cistern_scalable_msize(block); }
  static bool try_resize(void* block, std::size_t /*old_bytes*/, std::size_t new_bytes,
                         std::size_t /*alignment*/) noexcept {
    return new_bytes <= cistern_scalable_msize(block);
  }
  CISTERN_EXPORT static void trim() noexcept;
  static backend_statistics statistics() { return {}; }
  static constexpr std::string_view name() noexcept { return "tbb"; }
  CISTERN_EXPORT static std::string version();

  friend bool operator==(tbb_backend, tbb_backend) noexcept { return true; }

 private:
  static constexpr std::size_t small_alignment = alignof(std::max_align_t);

  // The smallest class is 8 bytes and aligned to 8; every size from 16 on is aligned to 16.
  static constexpr std::size_t at_least(std::size_t bytes, std::size_t alignment) noexcept {
    return std::max(bytes, alignment);
  }

  CISTERN_EXPORT static void* allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept;
};

static_assert(memory_backend<tbb_backend>);

}  // namespace cistern::inline v0
