// SPDX-License-Identifier: MIT
//
// Invariants: I1 used_ is the sum of all reservations that have not been released; I2 no reservation lifts used_ above
// the limit that it has read; I3 high_water_ has reached every value that used_ was lifted to by a reservation that
// has returned.
#include <cistern/allocators/detail/raise.hpp>
#include <cistern/allocators/memory_budget.hpp>

#include <cassert>

namespace cistern::inline v0 {

bool memory_budget::try_reserve(std::size_t bytes) noexcept {
  std::size_t used = used_.load(std::memory_order_relaxed);
  do {
    const std::size_t limit = limit_.load(std::memory_order_relaxed);
    // Not `used + bytes > limit`: the sum may overflow, and the limit may have been lowered below `used`.
    if (used > limit || bytes > limit - used) {
      refusals_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  detail::raise(high_water_, used + bytes);
  return true;
}

void memory_budget::release(std::size_t bytes) noexcept {
  [[maybe_unused]] const std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  assert(before >= bytes && "released more than was reserved");
}

void memory_budget::set_limit(std::size_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }

std::size_t memory_budget::limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
std::size_t memory_budget::used() const noexcept { return used_.load(std::memory_order_relaxed); }
std::size_t memory_budget::high_water() const noexcept { return high_water_.load(std::memory_order_relaxed); }
std::uint64_t memory_budget::refusals() const noexcept { return refusals_.load(std::memory_order_relaxed); }

}  // namespace cistern::inline v0
