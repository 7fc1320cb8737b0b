// SPDX-License-Identifier: MIT
//
// Design: the epoch moves from g to g + 1 when no thread is pinned in an epoch before g. What was retired under tag t
// is freed at t + 2: a reader that can still see it was pinned at t or before and blocks the second of the two steps.
//
// Orders: [b] the heavy fence of advance(), between the unlinks that came before it and the scan, against the light
//         fence of a pin [a]: either the scan sees the pin, or the reader's loads see the unlinks.
//         [d] release store of the epoch <-> acquire in pin() [c]: a reader of epoch t + 1 sees the unlinks of bags
//         with tag t (with the fence at the seal [i], epoch_reclaim.cpp). [f] acquire in the scan <-> release in
//         unpin() [e]: the reader's last access happens before the free. [k] acquire of advancing_ <-> its release [l]:
//         one advancer's writes happen before the next one's.
#include "epoch_state.hpp"

#include <algorithm>
#include <cstdio>

namespace cistern::inline v0::detail {
namespace {

void report_stall(void* /*context*/, const epoch_stall& stall) noexcept {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(stall.age).count();
  std::fprintf(
      stderr,
      "cistern: thread %u has been pinned in an epoch domain for %lld ms; nothing that was retired meanwhile is "
      "freed. Shorten the region, call epoch_guard::repin() in it, or keep one object by an epoch_hold\n",
      stall.thread, static_cast<long long>(milliseconds));
}

std::int64_t nanoseconds_now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(sync::now().time_since_epoch()).count();
}

}  // namespace

bool epoch_state::advance() noexcept {
  if (advancing_.exchange(1, std::memory_order_acquire) != 0) {  // [k]
    busy_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  const std::uint64_t now = epoch_.load(std::memory_order_relaxed);
  epoch_stall to_report{};
  const bool moved = scan(now, to_report);
  if (moved) {
    epoch_.store(now + epoch_word::step, std::memory_order_release);  // [d]
    advances_.fetch_add(1, std::memory_order_relaxed);
    blocker_thread_.store(0, std::memory_order_relaxed);
  }
  advancing_.store(0, std::memory_order_release);  // [l]
  if (to_report.thread != 0) {
    const auto report = options_.on_stall != nullptr ? options_.on_stall : report_stall;
    report(options_.stall_context, to_report);
  }
  return moved;
}

// True when every pin is of this epoch.
bool epoch_state::scan(std::uint64_t now, epoch_stall& to_report) noexcept {
  if (!asymmetric_fence::heavy_fence()) {  // [b]
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  bool clear = true;
  epoch_stall oldest{};
  for_each_slot([&](epoch_slot& slot) {
    const std::uint64_t word = slot.state_.load(std::memory_order_acquire);  // [f]
    if (!epoch_word::pinned(word) || epoch_word::epoch_of(word) == now) return;
    clear = false;
    const epoch_stall stall = note_blocker(slot, word);
    if (oldest.thread == 0 || stall.age > oldest.age) oldest = stall;
    if (stall.age < options_.stall_limit || slot.stall_reported_ || to_report.thread != 0) return;
    slot.stall_reported_ = true;
    to_report = stall;
  });
  if (clear) return true;
  blocked_.fetch_add(1, std::memory_order_relaxed);
  blocker_thread_.store(oldest.thread, std::memory_order_relaxed);
  blocker_since_.store(nanoseconds_now() - oldest.age.count(), std::memory_order_relaxed);
  return false;
}

// Two failures with the same word in the same slot are the same pin.
epoch_stall epoch_state::note_blocker(epoch_slot& slot, std::uint64_t word) const noexcept {
  const std::int64_t now = nanoseconds_now();
  if (slot.blocked_word_ != word) {
    slot.blocked_word_ = word;
    slot.blocked_since_ = now;
    slot.stall_reported_ = false;
  }
  return {.thread = slot.thread_.load(std::memory_order_relaxed),
          .age = std::chrono::nanoseconds(now - slot.blocked_since_)};
}

sync::clock::time_point epoch_state::deadline_after(std::chrono::nanoseconds limit) noexcept {
  const auto now = sync::now();
  return limit >= no_deadline - now ? no_deadline : now + limit;
}

bool epoch_state::wait_for_readers(sync::clock::time_point deadline) noexcept {
  const std::uint64_t start = sync::fence_then_load(epoch_);
  constexpr std::chrono::microseconds shortest(20), longest(1000);
  for (auto pause = shortest;;) {
    // What has moved once needs no pause before it moves again.
    while (advance() && !epoch_word::expired(start, epoch_.load(std::memory_order_relaxed))) {
    }
    if (epoch_word::expired(start, epoch_.load(std::memory_order_acquire))) return true;  // [m] pairs with [d]
    const auto now = sync::now();
    if (now >= deadline) return false;
    sync::sleep_until(std::min(deadline, now + pause));
    pause = std::min(2 * pause, longest);
  }
}

}  // namespace cistern::inline v0::detail
