// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cistern::inline v0 {

/// What a byte_buffer_pool has learnt at one of its sites: which sizes are used there. A value, to be looked at, kept
/// in a file, and given to another pool or the next run.
struct learnt_sizes {
  std::string site;                ///< empty: of gets without a site
  std::size_t usual_capacity = 0;  ///< what a get without a hint gives, in bytes; follows from the histogram
  std::size_t largest_kept = 0;    ///< blocks above that leave at the next tick, in bytes; 0: nothing is learnt yet
  struct bar {
    std::size_t bytes;  ///< uses of up to so many, and of more than the class below
    double uses;        ///< that count as so many: those of earlier epochs count less
    friend bool operator==(const bar&, const bar&) = default;
  };
  std::vector<bar> histogram;  ///< ascending; only bars that are not zero

  friend bool operator==(const learnt_sizes&, const learnt_sizes&) = default;
};

/// A line for the site and one for each bar, for people and for parse_learnt_sizes(): the same after both.
CISTERN_EXPORT std::string to_string(const std::vector<learnt_sizes>& sites);
/// Throws std::invalid_argument that says which line is wrong.
CISTERN_EXPORT std::vector<learnt_sizes> parse_learnt_sizes(std::string_view text);

}  // namespace cistern::inline v0
