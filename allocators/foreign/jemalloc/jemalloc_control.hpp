// SPDX-License-Identifier: MIT
#pragma once

// jemalloc's flags and its controls by name, for the backend and for the arena.
#include <cistern/allocators/detail/jemalloc_calls.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cistern::inline v0::detail {

/// MALLOCX_ALIGN of a power of two.
constexpr int jemalloc_alignment(std::size_t alignment) noexcept { return std::countr_zero(alignment); }

constexpr std::size_t nonzero(std::size_t bytes) noexcept { return bytes != 0 ? bytes : 1; }

/// The value of a control, or nothing where this build of jemalloc does not have it.
template <class T>
std::optional<T> jemalloc_read(const char* name) {
  T value{};
  std::size_t length = sizeof value;
  if (cistern_je_mallctl(name, &value, &length, nullptr, 0) != 0) return std::nullopt;
  return value;
}

/// Brings the numbers under "stats." up to date.
inline void jemalloc_refresh() noexcept {
  std::uint64_t epoch = 1;
  cistern_je_mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
}

/// Resizes in place. A sized free needs the class of the size it is told, so a resize that leaves the block in another
/// class is refused: small blocks do not shrink.
inline bool jemalloc_resize(void* block, std::size_t bytes, int flags) noexcept {
  const std::size_t wanted_class = cistern_je_nallocx(nonzero(bytes), flags);
  return wanted_class != 0 && cistern_je_xallocx(block, nonzero(bytes), 0, flags) == wanted_class;
}

}  // namespace cistern::inline v0::detail
