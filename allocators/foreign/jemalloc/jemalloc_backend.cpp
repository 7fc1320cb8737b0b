// SPDX-License-Identifier: MIT
#include <cistern/allocators/detail/register_foreign.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>

#include <bit>
#include <cstdint>

CISTERN_REGISTER_FOREIGN(jemalloc)

namespace cistern::inline v0 {
namespace {

constexpr int alignment_flag(std::size_t alignment) noexcept { return std::countr_zero(alignment); }

constexpr std::size_t nonzero(std::size_t bytes) noexcept { return bytes != 0 ? bytes : 1; }

template <class T>
std::optional<T> read(const char* name) {
  T value{};
  std::size_t length = sizeof value;
  if (cistern_je_mallctl(name, &value, &length, nullptr, 0) != 0) return std::nullopt;
  return value;
}

// MALLCTL_ARENAS_ALL, as its documentation gives it.
constexpr const char* purge_all_arenas = "arena.4096.purge";

}  // namespace

void* jemalloc_backend::allocate_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  if (!std::has_single_bit(alignment)) return nullptr;
  return cistern_je_mallocx(nonzero(bytes), alignment_flag(alignment));
}

void jemalloc_backend::deallocate_aligned(void* block, std::size_t bytes, std::size_t alignment) noexcept {
  if (block != nullptr) cistern_je_sdallocx(block, nonzero(bytes), alignment_flag(alignment));
}

// A sized free needs the class of the size it is told, so a resize that leaves the block in another class is refused:
// small blocks do not shrink.
bool jemalloc_backend::try_resize(void* block, std::size_t /*old_bytes*/, std::size_t new_bytes,
                                  std::size_t alignment) noexcept {
  const int flags = alignment <= small_alignment ? 0 : alignment_flag(alignment);
  const std::size_t wanted = at_least(new_bytes, flags == 0 ? alignment : 1);
  const std::size_t wanted_class = cistern_je_nallocx(wanted, flags);
  if (wanted_class == 0) return false;
  return cistern_je_xallocx(block, wanted, 0, flags) == wanted_class;
}

void jemalloc_backend::trim() noexcept {
  cistern_je_mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  cistern_je_mallctl(purge_all_arenas, nullptr, nullptr, nullptr, 0);
}

backend_statistics jemalloc_backend::statistics() {
  std::uint64_t epoch = 1;  // writing it refreshes the figures
  cistern_je_mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  return {.live_bytes = read<std::size_t>("stats.allocated"),
          .mapped_bytes = read<std::size_t>("stats.mapped"),
          .resident_bytes = read<std::size_t>("stats.resident")};
}

std::string jemalloc_backend::version() {
  const auto text = read<const char*>("version");
  if (!text) return {};
  const std::string whole = *text;  // 5.3.0-0-g<commit>
  return whole.substr(0, whole.find('-'));
}

}  // namespace cistern::inline v0
