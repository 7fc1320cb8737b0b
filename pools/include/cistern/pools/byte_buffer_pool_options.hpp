// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/pool_options.hpp>

#include <cstddef>
#include <memory_resource>
#include <string_view>

namespace cistern::inline v0 {

/// How a byte_buffer_pool is made. Every field has a default.
struct byte_buffer_pool_options {
  /// In messages and numbers. Copied; up to 31 bytes of UTF-8 without control characters.
  std::string_view name = {};

  std::pmr::memory_resource* upstream = nullptr;  ///< as in pool_options
  memory_budget* budget = nullptr;                ///< likewise

  /// The most that may lie idle for the next get, in bytes, from the first put on (pool_options::max_idle_bytes): in
  /// magazines. What lies free beside live blocks in the pool's chunks comes on top, until the next tick.
  std::size_t max_idle_bytes = std::size_t{64} << 20;
  /// Buffers above this are the upstream's, and never kept. A class of four_per_doubling.
  std::size_t largest = std::size_t{32} << 20;

  /// This part of the uses shall find their whole capacity at get(); the others grow, from class to class of the pool.
  /// But what a get gives is never so much that buffers would hold more than three times what is used, on average.
  double usual_part = 0.9;
  /// Blocks that are larger than what this part of the uses needs count as rare: they leave at the next tick, whether
  /// they were used since the last one or not.
  double kept_part = 0.99;
  /// What a get gives before anything is learnt, in bytes.
  std::size_t initial_capacity = 1024;

  bool zero_on_put = false;  ///< as in pool_options; for secrets
  /// Every buffer is one of the upstream's: for sanitizers, and to see what the pool is worth.
  bool pass_through = false;

  ageing_clock* clock = &ageing_clock::process();  ///< whose ticks are the epochs; nullptr: learn() and trim() only
  bool background = true;                          ///< as in pool_options
  blocks_out at_end = blocks_out::report;
};

}  // namespace cistern::inline v0
