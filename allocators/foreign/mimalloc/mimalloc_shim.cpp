// SPDX-License-Identifier: MIT
//
// The only object that names mimalloc's shared library; see detail/foreign_call.hpp.
#include <cistern/allocators/detail/mimalloc_calls.hpp>
