// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace cistern::schedules {

/// Pages for pools whose whole memory is smaller than one.
inline constexpr std::size_t page_bytes = 16;

/// As madvise() with MADV_DONTNEED, which knows nothing of what is poisoned.
[[gnu::no_sanitize_address]] inline int forget_pages(void* first, std::size_t bytes) noexcept {
  auto* const at = static_cast<volatile char*>(first);
  for (std::size_t i = 0; i < bytes; ++i) at[i] = 0;
  return 0;
}

}  // namespace cistern::schedules
