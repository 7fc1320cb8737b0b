// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cistern::perf {

/// Random numbers at the price of one multiplication: good enough to scatter allocations, nothing more. The same seed
/// gives the same numbers everywhere.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15u + 1) { next(); }

  std::uint64_t next() noexcept {
    state_ = state_ * 0xd1342543de82ef95u + 0x2545f4914f6cdd1du;
    return state_ ^ (state_ >> 32);
  }

  /// A number below `limit`, which must be less than 2^32.
  std::size_t below(std::size_t limit) noexcept { return ((next() >> 32) * limit) >> 32; }

 private:
  std::uint64_t state_;
};

/// The numbers from 0 to count - 1 in a random order.
inline std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint32_t>(i);
  random_source random(seed);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace cistern::perf
