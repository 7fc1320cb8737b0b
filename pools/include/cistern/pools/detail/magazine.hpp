// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// A batch of idle blocks: up to 61 pointers in 512 bytes, at a multiple of 512.
///
/// The one word that a thread keeps for it, the *top*, points one past the last pointer. A magazine of `capacity`
/// pointers uses its last words, and the word below them is null: so a magazine is full when its top is a multiple of
/// 512, and empty when the word below the top is null. Neither question needs another load.
///
///     | next | count | ... | null | pointer | pointer | pointer |   |   |
///                                                       top ----^
///
/// The first two words are in use only while it lies in a list.
struct alignas(512) magazine {
  static constexpr std::size_t words = 64;
  static constexpr std::size_t most = words - 3;

  void* word[words];

  static bool full(void* const* top) noexcept { return reinterpret_cast<std::uintptr_t>(top) % sizeof(magazine) == 0; }
  static bool empty(void* const* top) noexcept { return top[-1] == nullptr; }
  static magazine* of(void** top) noexcept {
    return reinterpret_cast<magazine*>((reinterpret_cast<std::uintptr_t>(top) - 1) & ~(sizeof(magazine) - 1));
  }

  /// Ready to be filled with up to `capacity` pointers: the top of it.
  void** begin(std::size_t capacity) noexcept {
    word[words - capacity - 1] = nullptr;
    return &word[words - capacity];
  }
  std::size_t count(void* const* top, std::size_t capacity) const noexcept {
    return static_cast<std::size_t>(top - &word[words - capacity]);
  }

  // While it lies in a list.
  magazine* next() const noexcept { return static_cast<magazine*>(word[0]); }
  void set_next(magazine* other) noexcept { word[0] = other; }
  std::size_t stored() const noexcept { return reinterpret_cast<std::uintptr_t>(word[1]); }
  void set_stored(std::size_t count) noexcept { word[1] = reinterpret_cast<void*>(static_cast<std::uintptr_t>(count)); }
};
static_assert(sizeof(magazine) == 512);

/// The top of a magazine that is full and empty at once: for those who have none.
CISTERN_EXPORT void** no_magazine() noexcept;

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

}  // namespace cistern::inline v0::detail
