// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/foreign_call.hpp>

#include <cstddef>

#ifndef CISTERN_JEMALLOC_SHIM
#define CISTERN_JEMALLOC_SHIM 0
#endif

CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, void*, cistern_je_mallocx, std::size_t bytes, int flags);
CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, void, cistern_je_sdallocx, void* block, std::size_t bytes, int flags);
CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, std::size_t, cistern_je_xallocx, void* block, std::size_t bytes,
                     std::size_t extra, int flags);
CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, std::size_t, cistern_je_sallocx, const void* block, int flags);
CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, std::size_t, cistern_je_nallocx, std::size_t bytes, int flags);
CISTERN_FOREIGN_CALL(CISTERN_JEMALLOC_SHIM, int, cistern_je_mallctl, const char* name, void* old_value,
                     std::size_t* old_length, void* new_value, std::size_t new_length);
#if !CISTERN_JEMALLOC_SHIM
// Cannot be had from the shared library without its taking the process's malloc.
extern "C" void* cistern_je_malloc(std::size_t bytes) noexcept;
#endif
