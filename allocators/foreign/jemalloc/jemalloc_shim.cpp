// SPDX-License-Identifier: MIT
//
// The only object that names libjemalloc.so; see detail/foreign_call.hpp. Compiled against nothing but these
// declarations: which of the two prefixes the installed library uses is found by CMake.
#include <cistern/allocators/detail/jemalloc_calls.hpp>

#define CISTERN_JOIN(prefix, name) CISTERN_JOIN_AGAIN(prefix, name)
#define CISTERN_JOIN_AGAIN(prefix, name) prefix##name
#define CISTERN_THEIRS(name) CISTERN_JOIN(CISTERN_FOREIGN_PREFIX, name)

extern "C" {
void* CISTERN_THEIRS(mallocx)(std::size_t, int) noexcept;
void CISTERN_THEIRS(sdallocx)(void*, std::size_t, int) noexcept;
std::size_t CISTERN_THEIRS(xallocx)(void*, std::size_t, std::size_t, int) noexcept;
std::size_t CISTERN_THEIRS(sallocx)(const void*, int) noexcept;
std::size_t CISTERN_THEIRS(nallocx)(std::size_t, int) noexcept;
int CISTERN_THEIRS(mallctl)(const char*, void*, std::size_t*, void*, std::size_t) noexcept;

#define CISTERN_EXPORT_CALL(name)                                                                    \
  [[gnu::visibility("default")]] constinit decltype(&CISTERN_THEIRS(name)) const cistern_je_##name = \
      &CISTERN_THEIRS(name)
CISTERN_EXPORT_CALL(mallocx);
CISTERN_EXPORT_CALL(sdallocx);
CISTERN_EXPORT_CALL(xallocx);
CISTERN_EXPORT_CALL(sallocx);
CISTERN_EXPORT_CALL(nallocx);
CISTERN_EXPORT_CALL(mallctl);
}
