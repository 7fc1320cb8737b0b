// SPDX-License-Identifier: MIT
//
// The only object that names tcmalloc's shared library; see detail/foreign_call.hpp.
#include <cistern/allocators/detail/tcmalloc_calls.hpp>
