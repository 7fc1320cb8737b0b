// SPDX-License-Identifier: MIT
//
// The only object that names libjemalloc.so. CMake compiles it with CISTERN_JEMALLOC_SHIM=2, by which the declarations
// of the calls become the definitions of the pointers: see detail/foreign_call.hpp.
#include <cistern/allocators/detail/jemalloc_calls.hpp>
