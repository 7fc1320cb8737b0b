// SPDX-License-Identifier: MIT
#include <cistern/allocators/detail/register_foreign.hpp>
#include <cistern/allocators/tcmalloc_backend.hpp>

#include <bit>
#include <cstdint>

CISTERN_REGISTER_FOREIGN(tcmalloc)

#if CISTERN_ASAN
// libtcmalloc loses eight bytes of its own as it starts, and every program that links it would end with that report.
extern "C" [[gnu::weak, gnu::visibility("default")]] const char* __lsan_default_suppressions() {
  return "leak:MallocExtension::Register\n";
}
#endif

namespace cistern::inline v0 {
namespace {

std::optional<std::size_t> property(const char* name) {
  std::size_t value = 0;
  if (cistern_MallocExtension_GetNumericProperty(name, &value) == 0) return std::nullopt;
  return value;
}

}  // namespace

// tcmalloc adds to the size before it looks whether it is too large.
void* tcmalloc_backend::allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  if (!std::has_single_bit(alignment) || bytes > SIZE_MAX / 2) return nullptr;
  return cistern_tc_memalign(alignment, std::max(bytes, std::size_t{1}));
}

std::size_t tcmalloc_backend::good_size(std::size_t bytes) noexcept {
  return std::max(bytes, cistern_tc_nallocx(at_least(bytes, 1), 0));
}

// Never moves a block into another class. A sized free needs the class of the size it is told; blocks of large
// alignment are freed without a size, so for them it is enough to fit.
bool tcmalloc_backend::try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                                  std::size_t alignment) noexcept {
  if (alignment > small_alignment) return new_bytes <= cistern_tc_malloc_size(block);
  return new_bytes <= cistern_tc_malloc_size(block) &&
         cistern_tc_nallocx(at_least(new_bytes, alignment), 0) == cistern_tc_nallocx(at_least(old_bytes, alignment), 0);
}

void tcmalloc_backend::trim() noexcept {
  cistern_MallocExtension_MarkThreadTemporarilyIdle();  // empties this thread's cache, and only this one's
  cistern_MallocExtension_ReleaseFreeMemory();
}

backend_statistics tcmalloc_backend::statistics() {
  return {.live_bytes = property("generic.current_allocated_bytes"),
          .mapped_bytes = property("generic.heap_size"),
          .resident_bytes = property("generic.total_physical_bytes")};
}

std::string tcmalloc_backend::version() {
  int major = 0, minor = 0;
  const char* patch = "";
  cistern_tc_version(&major, &minor, &patch);
  return "gperftools " + std::to_string(major) + "." + std::to_string(minor) + patch;
}

}  // namespace cistern::inline v0
