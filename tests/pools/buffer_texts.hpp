// SPDX-License-Identifier: MIT
#pragma once

// Texts for the tests of byte_buffer.
#include <cistern/pools/byte_buffer.hpp>

#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>

namespace cistern::pool_tests {

inline byte_buffer filled(std::string_view text, std::pmr::memory_resource* resource = nullptr) {
  byte_buffer made(resource);
  made.append(text);
  return made;
}

inline std::string letters(std::size_t count, char first = 'a') {
  std::string text(count, first);
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>(static_cast<std::size_t>(first) + i % 26);
  return text;
}

}  // namespace cistern::pool_tests
