// SPDX-License-Identifier: MIT
//
// Design: states of a stripe's lock: nobody has the bias, and all enter by the mutex; a thread has it, and enters
// without. The bias is given by its next owner, with the mutex, and taken away by anybody else, with the mutex.
//
// Orders: [a] the owner's store in its seat and [d] the visitor's of bias_, each before its load of the other's word,
// by the asymmetric fence: so one of them sees the other. [c] release in leave() <-> acquire in finish_visit() [e]; [f]
// release in end_visit() and unlock_own() <-> acquire in enter() [b]. [g] release of the count <-> acquire [h] of who
// looks from outside. All else is ordered by the mutex.
#include <cistern/pools/detail/bounded_stripe.hpp>

#include <algorithm>
#include <chrono>

namespace cistern::inline v0::detail {
namespace {

// A bias pays when it saves more than the fence that it costs to take it away: some nanoseconds each time against up to
// 16 us.
constexpr std::uint32_t first_in_a_row = 32, most_doublings = 10;

}  // namespace

void bounded_stripe::fence() noexcept {
  if (asymmetric_fence::heavy_fence()) return;
  // The kernel refused, as a sandbox that came later can make it. What is formally missing is the order of the owner's
  // store before its load; processors keep a store back for nanoseconds, and no longer than until the next interrupt.
  sync::sleep_until(sync::now() + std::chrono::milliseconds(10));
}

// Who is inside leaves in nanoseconds, so a while of looking is cheaper than the wakes of a mutex for which threads
// sleep.
void bounded_stripe::lock_mutex() noexcept {
  for (int look = 0; look < sync::mutex_spins; ++look) {
    if (mutex_.try_lock()) return;
    sync::spin_pause();
  }
  mutex_.lock();
}

bool bounded_stripe::begin_visit(const thread_seat* seat) noexcept {
  lock_mutex();
  borrowed_ = bias_.load(std::memory_order_relaxed);
  if (borrowed_ == seat) borrowed_ = nullptr;  // the own thread is not in its way
  if (borrowed_ == nullptr) return false;
  bias_.store(nullptr, std::memory_order_relaxed);  // [d] before the heavy fence
  return true;
}

void bounded_stripe::finish_visit() noexcept {
  if (borrowed_ == nullptr) return;
  constexpr int spins = 64;
  for (int look = 0;; ++look) {
    const void* const where = borrowed_->inside.load(std::memory_order_acquire);  // [e] pairs with [c]
    if (where == nullptr) return;
    if (where != this) return fence();  // it has left, but this load is not of the store by which it did
    look < spins ? sync::spin_pause() : sync::yield();
  }
}

void bounded_stripe::end_visit() noexcept {
  if (gated_)
    bias_.store(nullptr, std::memory_order_relaxed);
  else if (borrowed_ != nullptr)
    bias_.store(borrowed_, std::memory_order_release);  // [f] pairs with [b]
  mutex_.unlock();
}

void bounded_stripe::lock(const thread_seat* seat) noexcept {
  if (!begin_visit(seat)) return;
  ++revocations_;
  fence();
  finish_visit();
}

void bounded_stripe::unlock() noexcept {
  last_ = nullptr;
  mutex_.unlock();
}

void bounded_stripe::unlock_own(thread_seat* seat) noexcept {
  in_a_row_ = last_ == seat ? in_a_row_ + 1 : 0;
  last_ = seat;
  if (in_a_row_ >= first_in_a_row << std::min(revocations_, most_doublings) && !gated_ && seat != nullptr)
    bias_.store(seat, std::memory_order_release);  // [f] pairs with [b]
  mutex_.unlock();
}

}  // namespace cistern::inline v0::detail
