// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"
#include <cistern/allocators/size_classes.hpp>
#include <cistern/pools/pool_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace cistern::fuzz {

/// The kinds of pools that are tried, by number. What is not said is the default.
inline constexpr std::size_t pool_kinds = 20;

inline size_class_table sixteen_apart() {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < size_class_table::max_count; ++i) sizes.push_back(4096 + 16 * i);
  return size_class_table(sizes);
}

inline void choose_classes(pool_options& options, std::size_t kind) {
  switch (kind) {
    case 1:
      options.classes = powers_of_two({.smallest = 16, .largest = std::size_t{64} << 10});
      break;
    case 2:
      options.classes = size_class_table({1500, 1504, 1510, 1520, 9000});
      break;  // some share a size step
    case 3:
      options.classes = size_class_table({1, 40, 100, 1000, 1001, 70'000, 200'000});
      break;
    case 4:
      options.classes = sixteen_apart();
      break;
    case 5:
      options.classes = size_class_table({33, 2'500'000});
      break;  // a span larger than a shared chunk
    default:
      break;
  }
}

inline void choose_specials(pool_options& options, std::size_t kind) {
  switch (kind) {
    case 6:
      options.alignment = 64;
      break;
    case 7:
      options.alignment = 4096;
      break;
    case 8:
      options.canaries = true;
      break;
    case 9:
      options.quarantine_bytes = std::size_t{64} << 10;
      break;
    case 10:
      options.pass_through = true;
      break;
    case 11:
      options.zero_on_get = true;
      break;
    case 12:
      options.zero_on_put = options.zero_on_get = options.canaries = true;
      options.quarantine_bytes = 4096;
      break;
    case 13:
      options.guard_one_in = 3;
      options.canaries = true;
      break;
    case 14:
      options.return_pages = false;
      break;
    default:
      break;
  }
}

inline void choose_limits(pool_options& options, std::size_t kind) {
  constexpr std::size_t little = std::size_t{1} << 20;
  switch (kind) {
    case 15:
      options.max_bytes = little;
      options.full = when_full::fail;
      break;
    case 16:
      options.max_bytes = little;
      options.full = when_full::evict;
      break;
    case 17:
      options.max_bytes = little;
      options.full = when_full::wait;
      options.max_wait = std::chrono::microseconds(50);
      break;
    case 18:
      options.max_idle_bytes = std::size_t{1} << 20;
      break;
    case 19:
      options.max_idle_bytes = 0;
      options.canaries = true;
      break;
    default:
      break;
  }
}

/// What a pool of one kind must do, in plain words: which class serves what, and what is promised of a block.
class pool_kind {
 public:
  explicit pool_kind(std::size_t number) {
    choose_classes(options, number);
    choose_specials(options, number);
    choose_limits(options, number);
    for (std::size_t i = 0; i < options.classes.count(); ++i)
      class_sizes_.push_back((options.classes.size_of(i) + options.alignment - 1) / options.alignment *
                             options.alignment);
  }

  bool is_limited() const { return options.max_bytes != memory_budget::unlimited; }
  /// Whether its numbers tell how many blocks of each class are out.
  bool counts_exactly() const { return options.quarantine_bytes == 0 && options.guard_one_in == 0; }

  /// The bytes of the class that serves this, or nothing if the upstream does.
  std::optional<std::size_t> class_of(std::size_t bytes, std::size_t alignment) const {
    if (options.pass_through || alignment > (std::size_t{64} << 10) || bytes > class_sizes_.back()) return std::nullopt;
    const std::size_t least =
        std::max(options.canaries ? std::max<std::size_t>(bytes, 1) + 8 : bytes, alignment > 16 ? alignment : 0);
    const auto found = std::ranges::find_if(
        class_sizes_, [&](std::size_t size) { return size >= least && (alignment <= 16 || size % alignment == 0); });
    return found != class_sizes_.end() ? std::optional(*found) : std::nullopt;
  }
  /// How much of a block its user may use.
  std::size_t usable(std::size_t bytes, std::size_t alignment) const {
    const std::optional<std::size_t> of = class_of(bytes, alignment);
    return of.has_value() && !options.canaries ? *of : bytes;
  }

  pool_options options;

 private:
  std::vector<std::size_t> class_sizes_;
};

}  // namespace cistern::fuzz
