// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cistern::inline v0 {

/// How often a time was how long: bucket i counts those below 2^i nanoseconds and not below half of that.
struct time_counts {
  static constexpr std::size_t buckets = 48;

  std::array<std::uint64_t, buckets> counts{};

  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts) sum += count;
    return sum;
  }
  /// The time below which the share `q` of all lies, rounded up to a power of two; zero when there is none.
  std::chrono::nanoseconds quantile(double q) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(total()));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      sum += counts[i];
      if (sum != 0 && sum >= wanted) return std::chrono::nanoseconds(std::int64_t{1} << i);
    }
    return {};
  }
  time_counts& operator+=(const time_counts& other) noexcept {
    for (std::size_t i = 0; i < buckets; ++i) counts[i] += other.counts[i];
    return *this;
  }
};

namespace detail {

/// The same while one thread counts and others read.
class time_histogram {
 public:
  void add(std::chrono::nanoseconds time) noexcept {
    const auto width =
        static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(time.count() > 0 ? time.count() : 0)));
    auto& count = counts_[width < time_counts::buckets ? width : time_counts::buckets - 1];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  time_counts get() const noexcept {
    time_counts read;
    for (std::size_t i = 0; i < time_counts::buckets; ++i) read.counts[i] = counts_[i].load(std::memory_order_relaxed);
    return read;
  }

 private:
  std::array<sync::atomic<std::uint64_t>, time_counts::buckets> counts_{};
};

}  // namespace detail
}  // namespace cistern::inline v0
