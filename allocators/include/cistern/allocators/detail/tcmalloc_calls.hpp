// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/foreign_call.hpp>

#include <cstddef>

#ifndef CISTERN_TCMALLOC_SHIM
#define CISTERN_TCMALLOC_SHIM 0
#endif

// All are gperftools', but for the names.
#define CISTERN_TCMALLOC_CALL(result, name, ...) \
  CISTERN_FOREIGN_CALL(CISTERN_TCMALLOC_SHIM, result, cistern_, name, __VA_ARGS__)

CISTERN_TCMALLOC_CALL(void*, tc_malloc, std::size_t bytes);
CISTERN_TCMALLOC_CALL(void*, tc_memalign, std::size_t alignment, std::size_t bytes);
CISTERN_TCMALLOC_CALL(void, tc_free, void* block);
CISTERN_TCMALLOC_CALL(void, tc_free_sized, void* block, std::size_t bytes);
CISTERN_TCMALLOC_CALL(std::size_t, tc_nallocx, std::size_t bytes, int flags);
CISTERN_TCMALLOC_CALL(std::size_t, tc_malloc_size, void* block);
CISTERN_TCMALLOC_CALL(const char*, tc_version, int* major, int* minor, const char** patch);
CISTERN_TCMALLOC_CALL(int, MallocExtension_GetNumericProperty, const char* name, std::size_t* value);
CISTERN_TCMALLOC_CALL(void, MallocExtension_MarkThreadTemporarilyIdle, void);
CISTERN_TCMALLOC_CALL(void, MallocExtension_ReleaseFreeMemory, void);

#undef CISTERN_TCMALLOC_CALL
