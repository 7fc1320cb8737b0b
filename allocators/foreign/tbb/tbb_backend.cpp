// SPDX-License-Identifier: MIT
#include <cistern/allocators/detail/register_foreign.hpp>
#include <cistern/allocators/tbb_backend.hpp>

#include <bit>
#include <cstdint>

#if __has_include(<oneapi/tbb/version.h>)
#include <oneapi/tbb/version.h>
#endif

CISTERN_REGISTER_FOREIGN(tbb)

namespace cistern::inline v0 {
namespace {

constexpr int clean_all_buffers = 0;  // TBBMALLOC_CLEAN_ALL_BUFFERS

}  // namespace

void* tbb_backend::allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  if (!std::has_single_bit(alignment) || bytes > SIZE_MAX - alignment) return nullptr;
  return cistern_scalable_aligned_malloc(std::max(bytes, std::size_t{1}), alignment);
}

// A process in which libtbbmalloc has served nothing yet has nothing to clean, but it looks: its thread key is then
// still 0, so it takes what another library keeps under key 0 (mimalloc's heap, say) for its own and crashes. Serving a
// block first makes its key.
void tbb_backend::trim() noexcept {
  cistern_scalable_free(cistern_scalable_malloc(1));
  cistern_scalable_allocation_command(clean_all_buffers, nullptr);
}

// libtbbmalloc cannot be asked: this is the version of the headers beside which it was found.
std::string tbb_backend::version() {
#ifdef TBB_VERSION_STRING
  return TBB_VERSION_STRING;
#else
  return {};
#endif
}

}  // namespace cistern::inline v0
