// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cistern::perf {

/// How the sizes of a workload's blocks are spread between the lowest and the highest.
enum class spread {
  even,            ///< every size equally often
  inverse,         ///< as often as 1/size: every doubling equally often
  inverse_square,  ///< as often as 1/size^2
  falling,         ///< the cube of an even number: many small, few large
  stress,          ///< small ones; one in a hundred up to 8 KiB, one in a thousand up to the highest
};

struct size_range {
  std::size_t low;
  std::size_t high;
  spread how = spread::even;

  bool one_size() const noexcept { return low == high; }
};

/// A spread as a table, so that drawing a size costs one load. The entries are the spread's quantiles, from the lowest
/// size to the highest; 16 KiB, which stays in the first-level cache.
class size_table {
 public:
  explicit size_table(const size_range& range);

  /// `random` is any random word; its bits 20 to 31 are used.
  std::size_t operator[](std::uint64_t random) const noexcept { return bytes_[(random >> 20) & (entries - 1)]; }
  double average() const noexcept;

 private:
  static constexpr std::size_t entries = 4096;
  std::array<std::uint32_t, entries> bytes_;
};

/// Which of many slots is used next: four times in five one of the first fifth, and so on inside of each.
class pareto_table {
 public:
  explicit pareto_table(std::size_t slots);

  /// The entry is chosen by bits 8 to 17 of `random`, the place between it and the next by the upper half.
  std::size_t operator[](std::uint64_t random) const noexcept {
    const std::size_t entry = (random >> 8) & (entries - 1);
    const std::uint64_t from = slot_[entry], to = slot_[entry + 1];
    return from + (((to - from) * (random >> 32)) >> 32);
  }

 private:
  static constexpr std::size_t entries = 1024;
  std::array<std::uint32_t, entries + 1> slot_;
};

}  // namespace cistern::perf
