// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/sanitizer.hpp>

#include <cstddef>

#if CISTERN_ASAN
extern "C" void __asan_poison_memory_region(const volatile void* address, std::size_t bytes) noexcept;
extern "C" void __asan_unpoison_memory_region(const volatile void* address, std::size_t bytes) noexcept;
#endif

namespace cistern::inline v0::detail {

/// Tell AddressSanitizer that memory which we keep must not be touched, and that it may be again. Nothing in other
/// builds. Memory goes back to where it came from unpoisoned. Up to seven bytes before an address that is not a
/// multiple of eight stay as they are.
inline void poison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) noexcept {
#if CISTERN_ASAN
  __asan_poison_memory_region(address, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) noexcept {
#if CISTERN_ASAN
  __asan_unpoison_memory_region(address, bytes);
#endif
}

}  // namespace cistern::inline v0::detail
