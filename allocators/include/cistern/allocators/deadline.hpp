// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <chrono>

namespace cistern::inline v0 {

/// The moment that lies so long after now, for waits: no later than there are moments, so that nanoseconds::max() waits
/// for ever. Reads the clock.
inline sync::clock::time_point deadline_after(std::chrono::nanoseconds time) noexcept {
  const auto now = sync::now();
  return time < sync::clock::time_point::max() - now ? now + time : sync::clock::time_point::max();
}

}  // namespace cistern::inline v0
