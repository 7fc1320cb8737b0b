// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/sanitizer.hpp>

#include <cstddef>

// The build's option CISTERN_VALGRIND, the same for all code of a program: has Valgrind told, too. A few instructions
// for each get and put when the program does not run under it.
#ifndef CISTERN_VALGRIND
#define CISTERN_VALGRIND 0
#endif

#if CISTERN_ASAN
extern "C" void __asan_poison_memory_region(const volatile void* address, std::size_t bytes) noexcept;
extern "C" void __asan_unpoison_memory_region(const volatile void* address, std::size_t bytes) noexcept;
#elif CISTERN_VALGRIND
#include <valgrind/memcheck.h>
#endif

namespace cistern::inline v0::detail {

/// Tell AddressSanitizer, or Valgrind's memcheck, that memory which we keep must not be touched, and that it may be
/// again. Nothing in other builds. Memory goes back to where it came from unpoisoned. AddressSanitizer leaves up to
/// seven bytes before an address that is not a multiple of eight as they are; memcheck takes memory that may be touched
/// again for initialised.
inline void poison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) noexcept {
#if CISTERN_ASAN
  __asan_poison_memory_region(address, bytes);
#elif CISTERN_VALGRIND
  static_cast<void>(VALGRIND_MAKE_MEM_NOACCESS(address, bytes));
#endif
}

inline void unpoison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) noexcept {
#if CISTERN_ASAN
  __asan_unpoison_memory_region(address, bytes);
#elif CISTERN_VALGRIND
  static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(address, bytes));
#endif
}

}  // namespace cistern::inline v0::detail
