// SPDX-License-Identifier: MIT
#pragma once

// Objects and hooks for the tests of object_pool.
#include <cistern/pools/object_pool.hpp>

#include <atomic>
#include <stdexcept>
#include <string>

namespace cistern::pool_tests {

inline object_pool_options without_clock() { return {.name = "things", .clock = nullptr}; }

/// Counts how many there are, and may not be moved.
struct counted {
  static inline std::atomic<int> there{0};
  counted() { ++there; }
  ~counted() { --there; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  int value = 0;
};

/// Hooks of which one throws, at its n-th call.
struct failing {
  int* until;  // which call throws
  bool in_make = false, in_prepare = false, in_reset = false, in_keep = false;
  void step(bool wanted) const {
    if (wanted && --*until == 0) throw std::runtime_error("hook");
  }
  std::string make() {
    step(in_make);
    return std::string(1000, 'm');
  }
  void prepare(std::string&) { step(in_prepare); }
  void reset(std::string&) { step(in_reset); }
  bool keep(std::string&) {
    step(in_keep);
    return true;
  }
};

}  // namespace cistern::pool_tests
