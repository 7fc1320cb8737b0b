// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cistern::fuzz {

/// A block's pattern covers all of it, or so much of both its ends.
inline constexpr std::size_t end_bytes = 256;

inline void write_pattern(std::byte* data, std::size_t bytes, std::uint64_t id) {
  const std::size_t first = std::min(bytes, end_bytes), last = std::min(bytes - first, end_bytes);
  std::memset(data, static_cast<int>(id % 251), first);
  std::memset(data + bytes - last, static_cast<int>(id % 251), last);
  std::memcpy(data, &id, std::min(bytes, sizeof id));
}

inline bool all_are(const std::byte* data, std::size_t bytes, std::byte value) {
  return bytes == 0 || (data[0] == value && std::memcmp(data, data + 1, bytes - 1) == 0);
}

inline void check_pattern(const std::byte* data, std::size_t bytes, std::uint64_t id) {
  const auto value = static_cast<std::byte>(id % 251);
  const std::size_t first = std::min(bytes, end_bytes), last = std::min(bytes - first, end_bytes);
  const std::size_t head = std::min(bytes, sizeof id);
  require(std::memcmp(data, &id, head) == 0, "a block keeps its first bytes");
  require(all_are(data + head, first - head, value), "a block keeps what is written to it");
  require(all_are(data + bytes - last, last, value), "a block keeps its end");
}

}  // namespace cistern::fuzz
