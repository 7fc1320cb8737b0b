// SPDX-License-Identifier: MIT
//
// Design: Dekker's entry protocol with the bias in the fences. The owner writes owner_ and reads visitor_; a visitor
// writes visitor_ and reads owner_. One light fence and one heavy fence make it impossible that both read 0.
//
// Orders: [a] the owner's store and [d] the visitor's, each before the other's load, by the asymmetric fence;
//         [c] release in unlock() <-> acquire in try_enter() [e]; [f] release in leave() <-> acquire in lock() [b] and
//         in give_way() [g].
#include <cistern/allocators/biased_lock.hpp>

namespace cistern::inline v0 {

void biased_lock::give_way(bool light) noexcept {
  do {
    owner_.store(nobody, std::memory_order_release);                                     // [c]
    for (std::uint32_t seen = visitor_.load(std::memory_order_acquire); seen != nobody;  // [g] pairs with [f]
         seen = visitor_.load(std::memory_order_acquire))
      // Relaxed: the mark publishes nothing; it only asks leave() for a wake.
      if (seen == owner_waits || visitor_.compare_exchange_strong(seen, owner_waits, std::memory_order_relaxed))
        sync::park(visitor_, owner_waits);
    asymmetric_fence::store_then_light_fence(owner_, inside, light);  // [a]
  } while (visitor_.load(std::memory_order_acquire) != nobody);       // [b]
}

bool biased_lock::try_enter(int patience) noexcept {
  constexpr int spins = 64;
  for (int look = 0; look < patience; ++look) {
    if (owner_.load(std::memory_order_acquire) == nobody) return true;  // [e] pairs with [c]
    look < spins ? sync::spin_pause() : sync::yield();
  }
  return false;
}

void biased_lock::leave() noexcept {
  if (visitor_.exchange(nobody, std::memory_order_release) == owner_waits)  // [f] pairs with [b] and [g]
    sync::unpark_all(visitor_);
}

}  // namespace cistern::inline v0
