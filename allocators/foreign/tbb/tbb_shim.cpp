// SPDX-License-Identifier: MIT
//
// The only object that names libtbbmalloc.so. That library does not define malloc and could be named by anybody; but
// then its path on the machine of the build would stand in what cistern exports, and the calls would be no faster.
// See detail/foreign_call.hpp.
#include <cistern/allocators/detail/tbb_calls.hpp>
