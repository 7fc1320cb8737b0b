// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

namespace cistern::worker_tests {

/// The most that there were at a time.
class high_water {
 public:
  void enter() noexcept {
    const int now = now_.fetch_add(1) + 1;
    for (int most = most_.load(); most < now && !most_.compare_exchange_weak(most, now);) {
    }
  }
  void leave() noexcept { now_.fetch_sub(1); }
  int most() const noexcept { return most_.load(); }

 private:
  std::atomic<int> now_{0}, most_{0};
};

}  // namespace cistern::worker_tests
