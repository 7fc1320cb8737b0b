// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/foreign_call.hpp>

#include <cstddef>

#ifndef CISTERN_JEMALLOC_SHIM
#define CISTERN_JEMALLOC_SHIM 0
#endif

// All are jemalloc's, but for the names: see its manual page.
#define CISTERN_JEMALLOC_CALL(result, name, ...) \
  CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, result, cistern_je_, name, __VA_ARGS__)

CISTERN_JEMALLOC_CALL(void*, mallocx, std::size_t bytes, int flags);
CISTERN_JEMALLOC_CALL(void, sdallocx, void* block, std::size_t bytes, int flags);
CISTERN_JEMALLOC_CALL(std::size_t, xallocx, void* block, std::size_t bytes, std::size_t extra, int flags);
CISTERN_JEMALLOC_CALL(std::size_t, sallocx, const void* block, int flags);
CISTERN_JEMALLOC_CALL(std::size_t, nallocx, std::size_t bytes, int flags);
CISTERN_JEMALLOC_CALL(int, mallctl, const char* name, void* old_value, std::size_t* old_length, void* new_value,
                      std::size_t new_length);
#if !CISTERN_JEMALLOC_SHIM
// Cannot be had from the shared library without its taking the process's malloc.
CISTERN_JEMALLOC_CALL(void*, malloc, std::size_t bytes);
#endif

#undef CISTERN_JEMALLOC_CALL
