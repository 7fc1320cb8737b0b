// SPDX-License-Identifier: MIT
//
// Orders:
//   [a] acq_rel of a change <-> [b] acquire of who sees it, in now(), move() and wait(): what came before it
//   [c] acq_rel of who lets go first <-> that, or an acquire, of who does so last: what the first one did with the
//   thing
#include <cistern/workers/detail/phase_word.hpp>

#include <algorithm>

namespace cistern::inline v0::detail {

bool phase_word_core::wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
  if (spin.count() > 0) {
    const auto until = std::min(deadline, sync::now() + spin);
    for (int looks = 1; now() <= last_open; ++looks) {
      for (int i = 0; i < 4; ++i) sync::spin_pause();  // a look takes the line from who writes to it
      if (looks % 4 == 0 && sync::now() >= until) break;
    }
  }
  std::uint32_t seen = word_.load(std::memory_order_acquire);  // [b] pairs with [a]
  while ((seen & phases) <= last_open) {
    if ((seen & waited) == 0 &&
        !word_.compare_exchange_weak(seen, seen | waited, std::memory_order_acquire, std::memory_order_acquire))
      continue;  // [b] pairs with [a]: it may be over now (and g++ wants success to be no weaker)
    const bool in_time = sync::park_until(word_, seen | waited, deadline);
    seen = word_.load(std::memory_order_acquire);  // [b] pairs with [a]
    if (!in_time) return (seen & phases) > last_open;
  }
  return true;
}

}  // namespace cistern::inline v0::detail
