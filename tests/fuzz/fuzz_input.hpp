// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace cistern::fuzz {

/// Ends the program, and so this input, when something does not hold.
inline void require(bool holds, const char* what, int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: line %d: it does not hold that %s\n", line, what);
  std::abort();
}

/// The bytes of one run, read from the front; zeros when there are no more.
class input {
 public:
  explicit input(std::span<const std::uint8_t> bytes) noexcept : left_(bytes) {}

  bool empty() const noexcept { return left_.empty(); }
  std::size_t byte() noexcept {
    if (left_.empty()) return 0;
    const std::uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  std::size_t two_bytes() noexcept {
    const std::size_t low = byte();
    return low | byte() << 8;
  }
  /// From 1 to 512, and often few.
  std::size_t batch() noexcept {
    const std::size_t first = byte();
    return first < 128 ? 1 + first % 8 : 4 * (first - 127);
  }
  std::size_t below(std::size_t end) noexcept { return byte() % end; }

 private:
  std::span<const std::uint8_t> left_;
};

}  // namespace cistern::fuzz
