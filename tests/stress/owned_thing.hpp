// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace cistern::stress {

/// A thing that knows its owner: a cookie that is taken away before every put and before every hand-over, so that two
/// owners of one show without a sanitizer, too.
struct owned {
  static inline std::atomic<std::int64_t> there{0};
  static inline std::atomic<std::uint64_t> wrong{0};

  owned() { there.fetch_add(1, std::memory_order_relaxed); }
  ~owned() {
    there.fetch_sub(1, std::memory_order_relaxed);
    if (std::exchange(owner, dead) != nobody) ++wrong;
  }
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;

  static constexpr std::uint64_t nobody = 0, dead = ~std::uint64_t{0};
  void take(std::uint64_t by) {
    if (std::exchange(owner, by) != nobody) ++wrong;
  }
  void leave(std::uint64_t by) {
    if (std::exchange(owner, nobody) != by) ++wrong;
  }
  std::uint64_t owner = nobody;
};

}  // namespace cistern::stress
