// SPDX-License-Identifier: MIT
//
// What other libraries allocate before main() is no leak of ours. The leak checker would find the same few bytes (of
// libtcmalloc) at the end of each test, and take longer to look up their names than most tests do.
#include <sanitizer/lsan_interface.h>

namespace {

__attribute__((section(".preinit_array"), used)) void (*before_other_libraries)() = __lsan_disable;
[[gnu::constructor(101)]] void after_other_libraries() { __lsan_enable(); }

}  // namespace
