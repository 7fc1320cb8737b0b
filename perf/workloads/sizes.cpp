// SPDX-License-Identifier: MIT
#include <workloads/sizes.hpp>

#include <cmath>
#include <numeric>

namespace cistern::perf {
namespace {

double stress_quantile(double high, double u) noexcept {
  constexpr double small = 512, medium = 8192;
  if (u < 0.989) return 16 + (small - 16) * u / 0.989;
  if (u < 0.999) return small + (medium - small) * (u - 0.989) / 0.010;
  return medium + (high - medium) * (u - 0.999) / 0.001;
}

double quantile(const size_range& range, double u) noexcept {
  const auto low = static_cast<double>(range.low), high = static_cast<double>(range.high);
  switch (range.how) {
    case spread::even:
      break;
    case spread::inverse:
      return low * std::pow(high / low, u);
    case spread::inverse_square:
      return low * high / (high - u * (high - low));
    case spread::falling:
      return low + (high - low) * u * u * u;
    case spread::stress:
      return stress_quantile(high, u);
  }
  return low + (high - low) * u;
}

}  // namespace

size_table::size_table(const size_range& range) {
  for (std::size_t i = 0; i < entries; ++i)
    bytes_[i] = static_cast<std::uint32_t>(std::lround(quantile(range, static_cast<double>(i) / (entries - 1))));
}

double size_table::average() const noexcept {
  return static_cast<double>(std::accumulate(bytes_.begin(), bytes_.end(), std::uint64_t{0})) / entries;
}

pareto_table::pareto_table(std::size_t slots) {
  const double exponent = std::log(0.2) / std::log(0.8);
  for (std::size_t i = 0; i <= entries; ++i)
    slot_[i] = static_cast<std::uint32_t>(
        std::floor(static_cast<double>(slots) * std::pow(static_cast<double>(i) / entries, exponent)));
}

}  // namespace cistern::perf
