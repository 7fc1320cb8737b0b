// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cistern::perf {

/// Durations by size, 32 buckets to each doubling (so within 1.6 %), in fixed memory. Exact below 64, and for the
/// largest. Not thread-safe: one for each thread, added up afterwards.
class histogram {
 public:
  void record(std::uint64_t value) noexcept {
    ++counts_[bucket(value)];
    ++total_;
    if (value > largest_) largest_ = value;
  }

  void add(const histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    if (other.largest_ > largest_) largest_ = other.largest_;
  }

  std::uint64_t total() const noexcept { return total_; }
  std::uint64_t largest() const noexcept { return largest_; }

  /// The value that `share` (0 to 1) of all values do not exceed: the middle of its bucket. 0 when there are none.
  double quantile(double share) const noexcept;

 private:
  static constexpr unsigned sub_bits = 5;
  static constexpr std::uint64_t subs = 1u << sub_bits;

  static std::size_t bucket(std::uint64_t value) noexcept {
    if (value < 2 * subs) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
    return (shift << sub_bits) + (value >> shift);
  }
  static double middle(std::size_t bucket) noexcept;

  std::array<std::uint32_t, (64 - sub_bits + 1) * subs> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace cistern::perf
