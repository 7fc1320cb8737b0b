// SPDX-License-Identifier: MIT
//
// Orders: [a] acq_rel in done() <-> [b] acquire in wait_until() and count(): what was done.
#include <cistern/allocators/fatal.hpp>
#include <cistern/workers/wait_count.hpp>

namespace cistern::inline v0 {

void wait_count::add(std::size_t count) noexcept {
  constexpr std::size_t most = std::size_t{1} << 31;
  const std::size_t before = this->count();
  if (count >= most || before + count >= most) detail::fatal("a wait_count is counted above 2^31");
  word_.fetch_add(static_cast<std::uint32_t>(count) * one, std::memory_order_relaxed);
}

void wait_count::done() noexcept {
  const sync::atomic<std::uint32_t>& word = word_;
  const std::uint32_t before = word_.fetch_sub(one, std::memory_order_acq_rel);  // [a] pairs with [b]
  if (before < one) detail::fatal("a wait_count is counted below zero: more jobs were done than added");
  if (before == (one | sleeps)) sync::unpark_all(word);  // only its address is used
}

bool wait_count::wait_until(sync::clock::time_point deadline) noexcept {
  for (bool in_time = true;;) {
    if (count() == 0) return true;
    if (!in_time) return false;
    const std::uint32_t seen = word_.fetch_or(sleeps, std::memory_order_acq_rel) | sleeps;  // [b] pairs with [a]
    if (seen / one == 0) return true;
    in_time = sync::park_until(word_, seen, deadline);
  }
}

}  // namespace cistern::inline v0
