// SPDX-License-Identifier: MIT
//
// Design: where kept items lie. Each change is one in one stripe, so a look at all of them proves nothing while others
// get and put; it does when no stripe has changed from before the look until after it. What must hold for longer than a
// moment (somebody waits, the pool is closed, a fork) is done with all stripes visited, after which they may stay
// gated.
#include "bounded_state.hpp"

#include <algorithm>
#include <mutex>

namespace cistern::inline v0::detail {

bounded_stripe& bounded_state::own_stripe(const thread_seat* seat) const noexcept {
  return seat != nullptr ? stripe_of(*seat) : stripes_[0];
}

// Each only grows, so the sum is the same twice only when all are.
std::uint64_t bounded_state::changes() const noexcept {
  std::uint64_t sum = 0;
  for (const bounded_stripe& each : stripes()) sum += each.changes();
  return sum;
}

bounded_item* bounded_state::pop_in_passing(thread_seat* seat, bool gated) noexcept {
  bounded_stripe& own = own_stripe(seat);
  bounded_item* item = nullptr;
  if (own.count() != 0) {
    own.lock(seat);
    if (own.is_gated() == gated) item = own.pop();
    own.unlock_own(seat);
  }
  for (std::size_t i = 0; i <= mask_ && item == nullptr; ++i) {
    bounded_stripe& other = stripes_[i];
    if (&other == &own || other.count() == 0) continue;
    other.lock(seat);
    if (other.is_gated() == gated) item = other.pop();
    other.unlock();
  }
  return item;
}

bounded_item* bounded_state::pop_anywhere(thread_seat* seat, bool gated) noexcept {
  for (;;) {
    const std::uint64_t before = changes();
    if (bounded_item* const item = pop_in_passing(seat, gated)) return item;
    if (changes() == before) return nullptr;
  }
}

bool bounded_state::push_in_passing(thread_seat* seat, bounded_item& item, bool gated) noexcept {
  bounded_stripe& own = own_stripe(seat);
  if (own.count() != own.capacity()) {
    own.lock(seat);
    const bool done = own.is_gated() == gated && own.push(&item);
    own.unlock_own(seat);
    if (done) return true;
  }
  for (bounded_stripe& other : stripes()) {
    if (&other == &own || other.count() == other.capacity()) continue;
    other.lock(seat);
    const bool done = other.is_gated() == gated && other.push(&item);
    other.unlock();
    if (done) return true;
  }
  return false;
}

bool bounded_state::push_anywhere(thread_seat* seat, bounded_item& item, bool gated) noexcept {
  for (;;) {
    const std::uint64_t before = changes();
    if (push_in_passing(seat, item, gated)) return true;
    if (changes() == before) return false;
  }
}

void bounded_state::visit_all() noexcept {
  thread_seat* const seat = thread_seat::sure();
  bool fence = false;
  for (bounded_stripe& each : stripes()) fence |= each.begin_visit(seat);
  if (fence) bounded_stripe::fence();
  for (bounded_stripe& each : stripes()) each.finish_visit();
}

void bounded_state::end_visit_of_all() noexcept {
  for (bounded_stripe& each : stripes()) each.end_visit();
}

void bounded_state::set_gated(bool gated) noexcept {
  visit_all();
  for (bounded_stripe& each : stripes()) each.set_gated(gated);
  end_visit_of_all();
  gated_ = gated;
}

void bounded_state::ungate_if_nobody_waits() noexcept {
  if (gated_ && !closed_ && gets_.empty() && puts_.empty()) set_gated(false);
}

// As a chain. Nobody needed what has lain untouched in its stripe since the last tick.
bounded_item* bounded_state::take_idle(age_level level) noexcept {
  bounded_item* chain = nullptr;
  std::size_t spare = kept();
  if (spare == 0) return nullptr;
  const bool all = level == age_level::pressure;
  visit_all();
  spare = kept();
  if (!all) spare -= std::min(spare, options_.min_kept);
  for (bounded_stripe& each : stripes()) {
    const auto leave = static_cast<std::uint32_t>(std::min<std::size_t>(all ? each.count() : each.lowest(), spare));
    spare -= leave;
    taken_idle_ += leave;
    each.take_oldest(leave, [&chain](bounded_item* item) {
      item->next = chain;
      chain = item;
    });
    each.forget_lowest();
  }
  end_visit_of_all();
  return chain;
}

std::size_t bounded_state::kept() const noexcept {
  std::size_t sum = 0;
  for (const bounded_stripe& each : stripes()) sum += each.count();
  return sum;
}

}  // namespace cistern::inline v0::detail
