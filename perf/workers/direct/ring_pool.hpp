// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace cistern::perf {

/// The floor that worker pools are measured against: the least that can be done with tasks in a queue by several
/// threads on both sides. The bounded queue that Dmitry Vyukov described, with a number in each cell that says whose
/// turn it is; tasks lie in the cells themselves. Nobody ever sleeps: workers that find nothing, and producers that
/// find no room, spin and then yield. Not a pool for use: it burns its processors, and a worker that submits to a full
/// one waits for ever.
class ring_pool {
  static constexpr std::size_t cells = 1024, capture_bytes = 48;
  static constexpr int spins_before_yield = 64;

  struct cell;
  using operation = void (*)(cell&, std::size_t ticket);

  struct alignas(64) cell {
    // The ticket of the push whose turn it is here; one more: of the pop.
    std::atomic<std::size_t> turn;
    operation run;
    alignas(16) std::byte capture[capture_bytes];
  };
  static_assert(sizeof(cell) == 64);

  const std::unique_ptr<cell[]> ring_ = std::make_unique<cell[]>(cells);
  alignas(128) std::atomic<std::size_t> pushed_{0};
  alignas(128) std::atomic<std::size_t> popped_{0};
  alignas(128) std::atomic<bool> stopped_{false};
  std::vector<std::jthread> workers_;  // the last member: they end first

  class patience {
    int looks_ = 0;

   public:
    void look_again() {
      if (++looks_ < spins_before_yield)
        sync::spin_pause();
      else
        sync::yield();
    }
  };

  // Takes the task out before it runs, so that its cell is free meanwhile.
  template <class F>
  static void run_task(cell& from, std::size_t ticket) {
    F* const stored = std::launder(reinterpret_cast<F*>(from.capture));
    F task(std::move(*stored));
    stored->~F();
    from.turn.store(ticket + cells, std::memory_order_release);  // [b] pairs with [c]: the cell is free
    task();
  }

  bool run_one() {
    std::size_t ticket = popped_.load(std::memory_order_relaxed);
    for (;;) {
      cell& at = ring_[ticket % cells];
      const auto ahead =
          static_cast<std::ptrdiff_t>(at.turn.load(std::memory_order_acquire) - (ticket + 1));  // [d] pairs with [a]
      if (ahead < 0) return false;
      if (ahead > 0)
        ticket = popped_.load(std::memory_order_relaxed);
      else if (popped_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
        at.run(at, ticket);
        return true;
      }
    }
  }

  void work() {
    patience waits;
    while (!stopped_.load(std::memory_order_relaxed))
      if (run_one())
        waits = {};
      else
        waits.look_again();
  }

 public:
  explicit ring_pool(unsigned workers) {
    for (std::size_t i = 0; i < cells; ++i) ring_[i].turn.store(i, std::memory_order_relaxed);
    for (unsigned i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  }
  ~ring_pool() { stopped_.store(true, std::memory_order_relaxed); }
  ring_pool(const ring_pool&) = delete;
  ring_pool& operator=(const ring_pool&) = delete;

  /// Waits while the ring is full.
  template <class F>
  void submit(F task) {
    static_assert(sizeof(F) <= capture_bytes && alignof(F) <= 16 && std::is_nothrow_move_constructible_v<F>);
    patience waits;
    std::size_t ticket = pushed_.load(std::memory_order_relaxed);
    for (;;) {
      cell& at = ring_[ticket % cells];
      const auto ahead =
          static_cast<std::ptrdiff_t>(at.turn.load(std::memory_order_acquire) - ticket);  // [c] pairs with [b]
      if (ahead == 0 && pushed_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
        ::new (at.capture) F(std::move(task));
        at.run = run_task<F>;
        at.turn.store(ticket + 1, std::memory_order_release);  // [a] pairs with [d]: the task is there
        return;
      }
      if (ahead < 0) waits.look_again();
      if (ahead != 0) ticket = pushed_.load(std::memory_order_relaxed);
    }
  }
};

}  // namespace cistern::perf
