// SPDX-License-Identifier: MIT
//
// Design: the first seats are static; more are allocated one by one, and never freed. A thread takes the lowest that is
// free: a look at each, once in its life. No lock, so nothing for a fork to care for; seats of threads that a child
// does not have stay taken there.
//
// Orders: [a] release in give_back() <-> acquire in try_take() [b]: the next thread goes on where the last one ended.
// [c] release of a new seat <-> acquire [d] of who walks the list.
#include <cistern/pools/detail/thread_seat.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace cistern::inline v0::detail {
namespace {

constexpr std::size_t first_count = 64;

template <std::size_t... I>
constexpr std::array<thread_seat, sizeof...(I)> numbered(std::index_sequence<I...>) noexcept {
  return {thread_seat(I)...};
}
constinit std::array<thread_seat, first_count> first_seats = numbered(std::make_index_sequence<first_count>());

}  // namespace

constinit sync::atomic<std::uint64_t> thread_seat::exits_number{0};
constinit thread_local thread_seat* thread_seat::own = nullptr;

void thread_seat::prepare() {
  if (exits_number.load(std::memory_order_relaxed) != 0) return;
  const thread_registry::instance entered = thread_registry::enter(
      first_seats.data(), [](void*, void* seat) noexcept { static_cast<thread_seat*>(seat)->give_back(); });
  std::uint64_t none = 0;
  if (!exits_number.compare_exchange_strong(none, entered.number(), std::memory_order_relaxed))
    thread_registry::leave(entered);
}

thread_seat* thread_seat::take() noexcept {
  thread_seat* const seat = first_free();
  if (seat == nullptr) return nullptr;
  if (!thread_registry::attach(exits(), seat)) {
    seat->give_back();
    return nullptr;
  }
  return own = seat;
}

bool thread_seat::try_take() noexcept {
  return !is_taken_.load(std::memory_order_relaxed) &&
         !is_taken_.exchange(true, std::memory_order_acquire);  // [b] pairs with [a]
}

void thread_seat::give_back() noexcept {
  own = nullptr;
  is_taken_.store(false, std::memory_order_release);  // [a] pairs with [b]
}

thread_seat* thread_seat::first_free() noexcept {
  for (thread_seat& each : first_seats)
    if (each.try_take()) return &each;
  thread_seat* last = &first_seats.back();
  for (;;) {
    thread_seat* next = last->next_.load(std::memory_order_acquire);  // [d] pairs with [c]
    if (next == nullptr) {
      std::unique_ptr<thread_seat> made(new (std::nothrow) thread_seat(last->number + 1));
      if (made == nullptr) return nullptr;
      made->is_taken_.store(true, std::memory_order_relaxed);
      if (last->next_.compare_exchange_strong(next, made.get(), std::memory_order_acq_rel))  // [c], [d]
        return made.release();
    }
    if (next->try_take()) return next;
    last = next;
  }
}

}  // namespace cistern::inline v0::detail
