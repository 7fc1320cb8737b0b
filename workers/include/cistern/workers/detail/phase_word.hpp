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
  std::uint32_t now() const noexcept { return word_.load(std::memory_order_acquire) & phases; }  // [b] pairs with [a]

  bool move(std::uint32_t from, std::uint32_t to) noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while ((seen & phases) == from) {
      if ((seen & borrowed) != 0) {  // for some instructions
        sync::spin_pause();
        seen = word_.load(std::memory_order_relaxed);
        continue;
      }
      if (!word_.compare_exchange_weak(seen, to | (seen & ~phases), std::memory_order_acq_rel,  // [a], [b]
                                       std::memory_order_relaxed))
        continue;
      if (to > last_open && (seen & waited) != 0) sync::unpark_all(word_);
      return true;
    }
    return false;
  }

  void end(std::uint32_t how) noexcept {
    if ((word_.fetch_add(how - last_open, std::memory_order_acq_rel) & waited) != 0)  // [a] pairs with [b]
      sync::unpark_all(word_);
  }
  // Both in one. When the other one has gone the sum carries into `waited`: only the phase is read after that.
  bool end_and_let_go(std::uint32_t how) noexcept {
    const std::uint32_t before = word_.fetch_add(how - last_open + one_gone, std::memory_order_acq_rel);  // [a], [c]
    if ((before & one_gone) != 0) return true;
    if ((before & waited) != 0) sync::unpark_all(word_);  // the address alone: the word itself may be gone
    return false;
  }
  bool borrow(std::uint32_t while_in) noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while ((seen & phases) == while_in) {
      if ((seen & borrowed) == 0 && word_.compare_exchange_weak(seen, seen | borrowed, std::memory_order_acquire,
                                                                std::memory_order_relaxed))  // [b] pairs with [a]
        return true;
      if ((seen & borrowed) == 0) continue;
      sync::spin_pause();
      seen = word_.load(std::memory_order_relaxed);
    }
    return false;
  }
  void give_back() noexcept { word_.fetch_and(~borrowed, std::memory_order_release); }  // [a] pairs with [b]
  bool let_go() noexcept {
    return (word_.load(std::memory_order_acquire) & one_gone) != 0 ||               // [c] pairs with itself
           (word_.fetch_add(one_gone, std::memory_order_acq_rel) & one_gone) != 0;  // [c] pairs with itself
  }

  CISTERN_EXPORT bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept;

  static constexpr std::uint32_t last_open = 1;

 private:
  static constexpr std::uint32_t phases = 0xff;
  static constexpr std::uint32_t borrowed = 1U << 29;  // it stays in its phase
  static constexpr std::uint32_t one_gone = 1U << 30;  // of the two who hold it
  static constexpr std::uint32_t waited = 1U << 31;    // somebody sleeps on the word

  sync::atomic<std::uint32_t> word_{0};
};

/// In which phase something is that one thread does and another one waits for: queued, then running, then one of the
/// ends. Phase is an enumeration that begins with these two; all after them are ends. And which of the two, who hold
/// the thing together, have let it go: in the same word, so that a cache line moves once for both.
///
/// Threads: all functions from any. Happens-before: what came before a change of the phase happens before what follows
/// a now() or a move() that sees it, and the return of a wait(); what came before the first one has let go happens
/// before the return of true to the second one. Cost: one read-modify-write; a waiter costs the one who ends it a
/// system call only when it sleeps.
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
  void end(Phase how) noexcept { phase_word_core::end(static_cast<std::uint32_t>(how)); }
  /// True when it is in this phase, and then it stays there until give_back(), which must come at once: others spin.
  bool borrow(Phase in) noexcept { return phase_word_core::borrow(static_cast<std::uint32_t>(in)); }
  void give_back() noexcept { phase_word_core::give_back(); }
  /// By one of the two who hold it, once each: true when the other one has let go before. It is this one's to destroy
  /// then; otherwise the other one may do so at once.
  [[nodiscard]] bool let_go() noexcept { return phase_word_core::let_go(); }
  /// Both at once.
  [[nodiscard]] bool end_and_let_go(Phase how) noexcept {
    return phase_word_core::end_and_let_go(static_cast<std::uint32_t>(how));
  }
  /// Looks for `spin`, then sleeps, until it is over; false when it was not at the deadline.
  bool wait(sync::clock::time_point deadline, std::chrono::nanoseconds spin) noexcept {
    return phase_word_core::wait(deadline, spin);
  }
};

}  // namespace cistern::inline v0::detail
