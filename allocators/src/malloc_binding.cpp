// SPDX-License-Identifier: MIT
#include <cistern/allocators/malloc_binding.hpp>

#include <cstdlib>

#include <dlfcn.h>

// The C library's own name for its malloc.
extern "C" [[gnu::weak]] void* __libc_malloc(std::size_t bytes);  // NOLINT(*-reserved-identifier,*-naming)

namespace cistern::inline v0 {
namespace {

// The object that holds the definition which the whole process sees under this name.
Dl_info holder_of(const char* symbol) noexcept {
  Dl_info info{};
  void* const address = dlsym(RTLD_DEFAULT, symbol);
  if (address == nullptr || dladdr(address, &info) == 0) return {};
  return info;
}

std::string file_of(const char* symbol) {
  const Dl_info info = holder_of(symbol);
  return info.dli_fname != nullptr ? info.dli_fname : "";
}

}  // namespace

malloc_binding_t malloc_binding() { return {.malloc_file = file_of("malloc"), .operator_new_file = file_of("_Znwm")}; }

bool malloc_is_libc() noexcept {
  // gnu_get_libc_version has one definition only, so it tells which object the C library is.
  static const bool answer = [] {
    const void* const libc = holder_of("gnu_get_libc_version").dli_fbase;
    // A static executable has no names to look up, but there both are one function unless malloc is somebody else's.
    if (libc == nullptr) return &std::malloc == &__libc_malloc;
    return holder_of("malloc").dli_fbase == libc;
  }();
  return answer;
}

}  // namespace cistern::inline v0
