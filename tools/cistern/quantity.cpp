// SPDX-License-Identifier: MIT
#include "quantity.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

// Three significant digits from `finest` decimals down to none.
std::string three_digits(double value, int finest) {
  const double size = std::fabs(value);
  const int before_point = size > 0 ? static_cast<int>(std::floor(std::log10(size))) + 1 : 0;  // negative below 0.1
  return fmt::format("{:.{}f}", value, std::clamp(3 - before_point, 0, finest));
}

}  // namespace

std::string nanoseconds_text(double nanoseconds) { return three_digits(nanoseconds, 2); }

std::string seconds_text(double seconds) { return three_digits(seconds, 4); }

std::string mebibytes_text(double bytes) { return three_digits(bytes / (1024 * 1024), 1); }

std::string millions_text(double count) { return three_digits(count / 1e6, 2); }

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::max(0.0, std::round(seconds)));
  const long hours = whole / 3600, minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string ratio_text(double ratio) { return fmt::format("{:.{}f}", ratio, ratio < 1.2 ? 2 : ratio < 10 ? 1 : 0); }

}  // namespace cistern::compare
