// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define CISTERN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CISTERN_ASAN 1
#endif
#endif
#ifndef CISTERN_ASAN
#define CISTERN_ASAN 0
#endif

#if CISTERN_TSAN
extern "C" void __tsan_acquire(void* address) noexcept;
extern "C" void __tsan_release(void* address) noexcept;
#endif

namespace cistern::inline v0::detail {

#if CISTERN_TSAN
CISTERN_EXPORT inline constinit char every_block = 0;  // stands for the blocks of heaps that ended at once
#endif

/// Tell ThreadSanitizer that a block passes from the thread that frees it to the thread that is given it next, through
/// an allocator that is not instrumented. Nothing in other builds. Call taken() after allocating, given() before
/// freeing one block, given_all() before an allocator frees all that somebody holds. What is missing: a block that is
/// given out in other pieces than it was freed in may still be reported.
inline void* taken(void* block) noexcept {
#if CISTERN_TSAN
  if (block != nullptr) {
    __tsan_acquire(block);
    __tsan_acquire(&every_block);
  }
#endif
  return block;
}

inline void* given(void* block) noexcept {
#if CISTERN_TSAN
  if (block != nullptr) __tsan_release(block);
#endif
  return block;
}

inline void given_all() noexcept {
#if CISTERN_TSAN
  __tsan_release(&every_block);
#endif
}

}  // namespace cistern::inline v0::detail
