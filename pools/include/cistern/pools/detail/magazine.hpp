// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// A batch of idle blocks: up to 62 pointers in 512 bytes, at a multiple of 512.
///
/// What is in it lies between two words, a *limit* and a *top* one past the last pointer. A magazine of `capacity`
/// pointers uses its last words, so it is full when its top is a multiple of 512, whatever its capacity.
///
///     | next | count | ... | pointer | pointer | pointer |   |   |
///                            ^ limit                       ^ top
///
/// The first two words are in use only while it lies in a list.
struct alignas(512) magazine {
  static constexpr std::size_t words = 64;
  static constexpr std::size_t most = words - 2;

  void* word[words];

  static bool full(void* const* top) noexcept { return reinterpret_cast<std::uintptr_t>(top) % sizeof(magazine) == 0; }
  static magazine* of(void** top) noexcept {
    return reinterpret_cast<magazine*>((reinterpret_cast<std::uintptr_t>(top) - 1) & ~(sizeof(magazine) - 1));
  }
  /// Where the first pointer lies.
  void** bottom(std::size_t capacity) noexcept { return &word[words - capacity]; }

  // While it lies in a list.
  magazine* next() const noexcept { return static_cast<magazine*>(word[0]); }
  void set_next(magazine* other) noexcept { word[0] = other; }
  std::size_t stored() const noexcept { return reinterpret_cast<std::uintptr_t>(word[1]); }
  void set_stored(std::size_t count) noexcept { word[1] = reinterpret_cast<void*>(static_cast<std::uintptr_t>(count)); }
};
static_assert(sizeof(magazine) == 512);

/// Top and limit of a magazine that is full and empty at once: for those who have none.
CISTERN_EXPORT void** no_magazine() noexcept;

/// What lies in a magazine.
struct loaded {
  void** limit;
  void** top;

  static loaded nothing() noexcept { return {no_magazine(), no_magazine()}; }
  // A top that its owner is about to put right may lie below the limit.
  bool has_magazine() const noexcept { return limit != no_magazine(); }
  bool empty() const noexcept { return top <= limit; }
  std::size_t count() const noexcept { return empty() ? 0 : static_cast<std::size_t>(top - limit); }
};

/// Magazines one on the other.
struct magazine_stack {
  magazine* first = nullptr;
  std::size_t size = 0;

  void push(magazine* added) noexcept {
    added->set_next(first);
    first = added;
    ++size;
  }
  magazine* pop() noexcept {
    magazine* const taken = first;
    if (taken != nullptr) {
      first = taken->next();
      --size;
    }
    return taken;
  }
  /// Cuts off the `count` that have lain longest.
  magazine_stack split_oldest(std::size_t count) noexcept {
    if (count >= size) {
      const magazine_stack all = *this;
      *this = {};
      return all;
    }
    magazine* last = first;
    for (std::size_t i = 1; i < size - count; ++i) last = last->next();
    const magazine_stack oldest{last->next(), count};
    last->set_next(nullptr);
    size -= count;
    return oldest;
  }
};

/// Full magazines that a thread keeps for itself, and the fewest that there were since the last tick.
struct stash {
  magazine_stack full;
  std::size_t fewest = 0;
  std::size_t idle = 0;  // of them, how many the visit that is under way takes
};

}  // namespace cistern::inline v0::detail
