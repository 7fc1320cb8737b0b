// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/foreign_call.hpp>

#include <cstddef>

#ifndef CISTERN_MIMALLOC_SHIM
#define CISTERN_MIMALLOC_SHIM 0
#endif

// All are mimalloc's, but for the names and for its heap type, which is void here.
#define CISTERN_MIMALLOC_CALL(result, name, ...) \
  CISTERN_FOREIGN_CALL(CISTERN_MIMALLOC_SHIM, result, cistern_, name, __VA_ARGS__)

CISTERN_MIMALLOC_CALL(void*, mi_malloc, std::size_t bytes);
CISTERN_MIMALLOC_CALL(void*, mi_malloc_aligned, std::size_t bytes, std::size_t alignment);
CISTERN_MIMALLOC_CALL(void, mi_free, void* block);
CISTERN_MIMALLOC_CALL(std::size_t, mi_good_size, std::size_t bytes);
CISTERN_MIMALLOC_CALL(std::size_t, mi_usable_size, const void* block);
CISTERN_MIMALLOC_CALL(void, mi_collect, bool force);
CISTERN_MIMALLOC_CALL(void, mi_process_info, std::size_t* elapsed_ms, std::size_t* user_ms, std::size_t* system_ms,
                      std::size_t* resident, std::size_t* peak_resident, std::size_t* committed,
                      std::size_t* peak_committed, std::size_t* page_faults);
CISTERN_MIMALLOC_CALL(int, mi_version, void);

CISTERN_MIMALLOC_CALL(void*, mi_heap_new, void);
CISTERN_MIMALLOC_CALL(void, mi_heap_delete, void* heap);
CISTERN_MIMALLOC_CALL(void, mi_heap_destroy, void* heap);
CISTERN_MIMALLOC_CALL(void, mi_heap_collect, void* heap, bool force);
CISTERN_MIMALLOC_CALL(void*, mi_heap_malloc, void* heap, std::size_t bytes);
CISTERN_MIMALLOC_CALL(void*, mi_heap_malloc_aligned, void* heap, std::size_t bytes, std::size_t alignment);

// An area of a heap as mi_heap_visit_blocks describes it, as far as all versions agree.
extern "C" {
struct cistern_mi_heap_area {
  void* blocks;
  std::size_t reserved;
  std::size_t committed;
  std::size_t used;
  std::size_t block_size;
};
typedef bool cistern_mi_visit(const void* heap, const cistern_mi_heap_area* area, void* block, std::size_t block_size,
                              void* argument);
}
CISTERN_MIMALLOC_CALL(bool, mi_heap_visit_blocks, const void* heap, bool all, cistern_mi_visit* visit, void* argument);

#undef CISTERN_MIMALLOC_CALL
