// SPDX-License-Identifier: MIT
#include "jemalloc_control.hpp"
#include <cistern/allocators/detail/register_foreign.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>

#include <bit>

CISTERN_REGISTER_FOREIGN(jemalloc)

namespace cistern::inline v0 {
namespace {

// MALLCTL_ARENAS_ALL, as its documentation gives it.
constexpr const char* purge_all_arenas = "arena.4096.purge";

}  // namespace

void* jemalloc_backend::allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  if (!std::has_single_bit(alignment)) return nullptr;
  return cistern_je_mallocx(detail::nonzero(bytes), detail::jemalloc_alignment(alignment));
}

void jemalloc_backend::deallocate_aligned(void* block, std::size_t bytes, std::size_t alignment) noexcept {
  if (block != nullptr) cistern_je_sdallocx(block, detail::nonzero(bytes), detail::jemalloc_alignment(alignment));
}

bool jemalloc_backend::try_resize(void* block, std::size_t /*old_bytes*/, std::size_t new_bytes,
                                  std::size_t alignment) noexcept {
  if (alignment <= small_alignment) return detail::jemalloc_resize(block, at_least(new_bytes, alignment), 0);
  return detail::jemalloc_resize(block, new_bytes, detail::jemalloc_alignment(alignment));
}

void jemalloc_backend::trim() noexcept {
  cistern_je_mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  cistern_je_mallctl(purge_all_arenas, nullptr, nullptr, nullptr, 0);
}

backend_statistics jemalloc_backend::statistics() {
  detail::jemalloc_refresh();
  return {.live_bytes = detail::jemalloc_read<std::size_t>("stats.allocated"),
          .mapped_bytes = detail::jemalloc_read<std::size_t>("stats.mapped"),
          .resident_bytes = detail::jemalloc_read<std::size_t>("stats.resident")};
}

std::string jemalloc_backend::version() {
  const auto text = detail::jemalloc_read<const char*>("version");
  if (!text) return {};
  const std::string whole = *text;  // 5.3.0-0-g<commit>
  return whole.substr(0, whole.find('-'));
}

}  // namespace cistern::inline v0
