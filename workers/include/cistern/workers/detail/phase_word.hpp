// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace cistern::inline v0::detail {

/// phase_word of any phases, as numbers.
class phase_word_core {
 protected:
  std::uint32_t now() const noexcept { return word_.load(std::memory_order_acquire) & ~waited; }  // [b] pairs with [a]

  bool move(std::uint32_t from, std::uint32_t to) noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while ((seen & ~waited) == from) {
      if (!word_.compare_exchange_weak(seen, to | (seen & waited), std::memory_order_acq_rel,  // [a], [b]
                                       std::memory_order_relaxed))
        continue;
      if (to > last_open && (seen & waited) != 0) sync::unpark_all(word_);
      return true;
    }
    return false;
  }

  void set(std::uint32_t to) noexcept {
    if ((word_.exchange(to, std::memory_order_acq_rel) & waited) != 0) sync::unpark_all(word_);  // [a] pairs with [b]
  }

  CISTERN_EXPORT bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept;

  static constexpr std::uint32_t last_open = 1;

 private:
  static constexpr std::uint32_t waited = 1U << 31;  // somebody sleeps on the word

  sync::atomic<std::uint32_t> word_{0};
};

/// In which phase something is that one thread does and another one waits for: queued, then running, then one of the
/// ends. Phase is an enumeration that begins with these two; all after them are ends.
///
/// Threads: all functions from any. Happens-before: what came before a change of the phase happens before what follows
/// a now() or a move() that sees it, and the return of a wait(). Cost: one read-modify-write; a waiter costs the one
/// who ends it a system call only when it sleeps.
template <class Phase>
requires std::same_as<std::underlying_type_t<Phase>, std::uint32_t>
class phase_word : private phase_word_core {
  static_assert(static_cast<std::uint32_t>(Phase::queued) == 0);
  static_assert(static_cast<std::uint32_t>(Phase::running) == last_open);

 public:
  static constexpr bool is_over(Phase what) noexcept { return what > Phase::running; }

  Phase now() const noexcept { return static_cast<Phase>(phase_word_core::now()); }
  /// Out of one phase into another one: true for one caller. Wakes those who wait if that is an end.
  bool move(Phase from, Phase to) noexcept {
    return phase_word_core::move(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to));
  }
  /// The same by the only one who may, out of `running` into an end.
  void end(Phase how) noexcept { phase_word_core::set(static_cast<std::uint32_t>(how)); }
  /// Looks for `spin`, then sleeps, until it is over; false when it was not at the deadline.
  bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
    return phase_word_core::wait(deadline, spin);
  }
};

}  // namespace cistern::inline v0::detail
