// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <string>

namespace cistern::inline v0 {

/// The files that this process's malloc and operator new were bound to when it was loaded: labels lie, the dynamic
/// linker does not. Paths as the linker knows them; the executable's own path when the function is linked into it;
/// empty when it cannot be told (a static executable).
struct malloc_binding_t {
  std::string malloc_file;
  std::string operator_new_file;
};

/// Looks both up, by dlsym and dladdr. Any thread; some microseconds.
CISTERN_EXPORT malloc_binding_t malloc_binding();

/// True when malloc is the C library's own: nothing has replaced it. Known also in a static executable. Any thread;
/// allocates nothing; looked up once.
CISTERN_EXPORT bool malloc_is_libc() noexcept;

}  // namespace cistern::inline v0
