// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/foreign_call.hpp>

#include <cstddef>

#ifndef CISTERN_TBB_SHIM
#define CISTERN_TBB_SHIM 0
#endif

// All are TBB's, but for the names: see oneapi/tbb/scalable_allocator.h.
#define CISTERN_TBB_CALL(result, name, ...) CISTERN_FOREIGN_CALL(CISTERN_TBB_SHIM, result, cistern_, name, __VA_ARGS__)

CISTERN_TBB_CALL(void*, scalable_malloc, std::size_t bytes);
CISTERN_TBB_CALL(void*, scalable_aligned_malloc, std::size_t bytes, std::size_t alignment);
CISTERN_TBB_CALL(void, scalable_free, void* block);
CISTERN_TBB_CALL(std::size_t, scalable_msize, void* block);
CISTERN_TBB_CALL(int, scalable_allocation_command, int command, void* argument);

#undef CISTERN_TBB_CALL
