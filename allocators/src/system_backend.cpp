// SPDX-License-Identifier: MIT
#include <cistern/allocators/malloc_binding.hpp>
#include <cistern/allocators/system_backend.hpp>

#include <gnu/libc-version.h>
#include <malloc.h>

namespace cistern::inline v0 {

void* system_backend::allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  void* block = nullptr;
  return posix_memalign(&block, alignment, bytes != 0 ? bytes : 1) == 0 ? block : nullptr;
}

// A glibc chunk is a multiple of 16, at least 32, of which 8 are the header. Above the mmap threshold pages are handed
// out whole, but the threshold moves at run time, so nothing is promised there.
std::size_t system_backend::good_size(std::size_t bytes) noexcept {
  constexpr std::size_t header = 8, unit = 16, smallest = 24, mmap_threshold = std::size_t{128} << 10;
  if (bytes >= mmap_threshold || !malloc_is_libc()) return bytes;
  if (bytes <= smallest) return smallest;
  return ((bytes + header + unit - 1) & ~(unit - 1)) - header;
}

std::size_t system_backend::usable_size(void* block) noexcept { return malloc_usable_size(block); }

bool system_backend::try_resize(void* block, std::size_t /*old_bytes*/, std::size_t new_bytes,
                                std::size_t /*alignment*/) noexcept {
  return new_bytes <= malloc_usable_size(block);
}

void system_backend::trim() noexcept { malloc_trim(0); }

backend_statistics system_backend::statistics() {
  if (!malloc_is_libc()) return {};
  const struct mallinfo2 info = mallinfo2();
  return {.live_bytes = info.uordblks + info.hblkhd, .mapped_bytes = info.arena + info.hblkhd, .resident_bytes = {}};
}

std::string system_backend::version() {
  return malloc_is_libc() ? std::string("glibc ") + gnu_get_libc_version() : malloc_binding().malloc_file;
}

}  // namespace cistern::inline v0
