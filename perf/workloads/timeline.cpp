// SPDX-License-Identifier: MIT
#include <workloads/process.hpp>
#include <workloads/timeline.hpp>

#include <algorithm>

namespace cistern::perf {

void timeline::sample() noexcept {
  if (!recording_ || calls_++ % stride_ != 0) return;
  if (samples_.size() == capacity) {
    for (std::size_t i = 0; i < capacity / 2; ++i) samples_[i] = samples_[2 * i];
    samples_.resize(capacity / 2);
    stride_ *= 2;
  }
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - start_;
  const std::ptrdiff_t live = std::max<std::ptrdiff_t>(live_.load(std::memory_order_relaxed), 0);
  samples_.push_back({since.count(), static_cast<std::size_t>(live), rss_bytes()});
}

}  // namespace cistern::perf
