// SPDX-License-Identifier: MIT
//
// Orders, of result_core:
//   [a] acq_rel exchange by who ends the task <-> [b] acquire of the word: the value or the exception
//   [c] acq_rel by each of the two holders <-> [d] itself: the last one sees what the other one did
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/result.hpp>

namespace cistern::inline v0 {

task_cancelled::task_cancelled() : std::runtime_error("the task was cancelled, or discarded, before it began") {}

namespace detail {

bool runs_for(const crew* pool) noexcept {
  const worker* const mine = place().thread;
  return mine != nullptr && &mine->pool == pool;
}

void no_result() { throw std::logic_error("a result<T> without a task is used: a default one, or one after get()"); }

bool result_core::wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
  if (spin.count() > 0) {
    const auto until = std::min(deadline, sync::now() + spin);
    for (int looks = 1; !is_over(now()); ++looks) {
      for (int i = 0; i < 4; ++i) sync::spin_pause();  // a look takes the line from the task, which writes to it
      if (looks % 4 == 0 && sync::now() >= until) break;
    }
  }
  std::uint32_t seen = word_.load(std::memory_order_acquire);  // [b] pairs with [a]
  while (!is_over(static_cast<phase>(seen & ~waited))) {
    if ((seen & waited) == 0 &&
        !word_.compare_exchange_weak(seen, seen | waited, std::memory_order_relaxed, std::memory_order_relaxed))
      continue;
    const bool in_time = sync::park_until(word_, seen | waited, deadline);
    seen = word_.load(std::memory_order_acquire);  // [b] pairs with [a]
    if (!in_time) return is_over(static_cast<phase>(seen & ~waited));
  }
  return true;
}

}  // namespace detail
}  // namespace cistern::inline v0
