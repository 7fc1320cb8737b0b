// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"
#include <cistern/pools/object_pool_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>

namespace cistern::fuzz {

/// The options that are tried, by three bytes. What is not said is the default.
inline object_pool_options choose_object_options(input& from) {
  constexpr std::size_t none = object_pool_options::no_limit;
  constexpr std::size_t most_there[] = {none, none, none, 1, 2, 6, 70};
  constexpr std::size_t most_idle[] = {none, none, none, none, 0, 1, 3, 70};
  constexpr std::size_t least_idle[] = {0, 0, 1, 2, 5, 70};
  const std::size_t flags = from.byte(), limits = from.byte();
  object_pool_options chosen;
  chosen.name = "fuzz";
  chosen.ageing = (flags & 0x01) != 0 ? object_ageing::two_ticks : object_ageing::working_set;
  chosen.record_sites = (flags & 0x06) == 0x06;
  chosen.pass_through = (flags & 0x78) == 0x78;
  chosen.max_wait = std::chrono::microseconds((flags & 0x80) != 0 ? 20 : 0);
  chosen.max_total = most_there[limits % std::size(most_there)];
  chosen.max_idle = most_idle[limits / std::size(most_there) % std::size(most_idle)];
  chosen.min_idle = std::min({least_idle[from.below(std::size(least_idle))], chosen.max_total, chosen.max_idle});
  return chosen;
}

}  // namespace cistern::fuzz
