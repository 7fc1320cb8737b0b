// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace cistern::perf {

/// A block as a workload keeps it: a sized free needs the size. Empty when `at` is null.
struct block {
  void* at = nullptr;
  std::size_t bytes = 0;
};

inline constexpr std::size_t first_byte_only = std::numeric_limits<std::size_t>::max();
inline constexpr std::size_t every_page = 4096;

/// Writes to the block as its user would: its first byte and then one in every `stride`. The compiler may not see that
/// nobody reads it, nor leave the allocation out.
template <class Memory>
inline void touch(const Memory& memory, void* block, std::size_t bytes, std::size_t stride = first_byte_only) {
  if constexpr (requires { memory.stamped(); })
    if (memory.stamped()) return;
  auto* const at = static_cast<unsigned char*>(block);
  *at = 1;
  if (stride != first_byte_only)
    for (std::size_t i = stride; i < bytes; i += stride) at[i] = 1;
  asm volatile("" : : "r"(block) : "memory");
}

[[noreturn, gnu::cold, gnu::noinline]] inline void no_memory() { throw std::bad_alloc(); }

/// A block from `memory`, touched. Throws std::bad_alloc when there is none.
template <class Memory>
[[gnu::always_inline]] inline void* take(Memory& memory, std::size_t bytes, std::size_t stride = first_byte_only) {
  void* const at = memory.allocate(bytes);
  if (at == nullptr) [[unlikely]]
    no_memory();
  touch(memory, at, bytes, stride);
  return at;
}

/// Tells a memory that cares (an arena) that this thread's blocks are all freed.
template <class Memory>
inline void all_freed(Memory& memory) {
  if constexpr (requires { memory.all_freed(); }) memory.all_freed();
}

/// Gives memory back to the system while blocks may be live, where the contender can.
template <class Memory>
inline void trim(Memory& memory) {
  if constexpr (requires { memory.trim(); }) memory.trim();
}

template <class Memory>
inline void give_back(Memory& memory, block& old) {
  if (old.at != nullptr) memory.deallocate(old.at, old.bytes);
  old = {};
}

}  // namespace cistern::perf
