// SPDX-License-Identifier: MIT
#include <workloads/histogram.hpp>

#include <algorithm>
#include <cmath>

namespace cistern::perf {

double histogram::middle(std::size_t bucket) noexcept {
  if (bucket < 2 * subs) return static_cast<double>(bucket);
  const auto shift = static_cast<unsigned>(bucket >> sub_bits) - 1;
  const auto low = static_cast<double>((bucket - (std::size_t{shift} << sub_bits)) << shift);
  return low + static_cast<double>((std::uint64_t{1} << shift) - 1) / 2;
}

double histogram::quantile(double share) const noexcept {
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(middle(i), static_cast<double>(largest_));
  }
  return 0;
}

}  // namespace cistern::perf
