// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#if CISTERN_TSAN
extern "C" void __tsan_acquire(void* address) noexcept;
extern "C" void __tsan_release(void* address) noexcept;
#endif

namespace cistern::inline v0::detail {

/// Tell ThreadSanitizer that a block passes from the thread that frees it to the thread that is given it next, through
/// an allocator that is not instrumented. Nothing in other builds. Call taken() after allocating, given() before
/// freeing.
inline void* taken(void* block) noexcept {
#if CISTERN_TSAN
  if (block != nullptr) __tsan_acquire(block);
#endif
  return block;
}

inline void* given(void* block) noexcept {
#if CISTERN_TSAN
  if (block != nullptr) __tsan_release(block);
#endif
  return block;
}

}  // namespace cistern::inline v0::detail
