// SPDX-License-Identifier: MIT
#include "mimalloc_aligned.hpp"
#include <cistern/allocators/detail/register_foreign.hpp>
#include <cistern/allocators/mimalloc_backend.hpp>

CISTERN_REGISTER_FOREIGN(mimalloc)

#if CISTERN_TSAN
// ThreadSanitizer sees libmimalloc's memset, but not its atomics, when a segment passes from one thread to another.
extern "C" [[gnu::weak, gnu::visibility("default")]] const char* __tsan_default_suppressions() {
  return "race:libmimalloc.so\n";
}
#endif

namespace cistern::inline v0 {

void* mimalloc_backend::allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  return detail::mimalloc_aligned(cistern_mi_malloc_aligned, bytes, alignment);
}

void mimalloc_backend::trim() noexcept { cistern_mi_collect(true); }

// mimalloc counts what it has committed; that it keeps more address space in reserve is seen nowhere. Live bytes and
// resident bytes it does not count in release builds.
backend_statistics mimalloc_backend::statistics() {
  std::size_t committed = 0, ignored = 0;
  cistern_mi_process_info(&ignored, &ignored, &ignored, &ignored, &ignored, &committed, &ignored, &ignored);
  return {.live_bytes = {}, .mapped_bytes = committed, .resident_bytes = {}};
}

// One digit for each of minor and patch; later two.
std::string mimalloc_backend::version() {
  const int number = cistern_mi_version(), radix = number < 1000 ? 10 : 100;
  return std::to_string(number / (radix * radix)) + "." + std::to_string(number / radix % radix) + "." +
         std::to_string(number % radix);
}

}  // namespace cistern::inline v0
