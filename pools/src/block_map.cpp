// SPDX-License-Identifier: MIT
//
// Orders: [b] release in make_leaf() <-> acquire in leaf_of() [a]: a new leaf's entries are zero.
#include <cistern/pools/detail/block_map.hpp>

#include <cerrno>

#include <sys/mman.h>

namespace cistern::inline v0::detail {

constinit sync::atomic<block_map::leaf*> block_map::root[root_size];

block_map::leaf* block_map::make_leaf(std::size_t at) noexcept {
  leaf* found = root[at].load(std::memory_order_acquire);  // [a]
  if (found != nullptr) return found;
  const int errno_before = errno;
  void* const memory =
      mmap(nullptr, sizeof(leaf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  errno = errno_before;
  if (memory == MAP_FAILED) return nullptr;
  auto* const made = static_cast<leaf*>(memory);  // zero bytes are what its constructor would make of it
  if (root[at].compare_exchange_strong(found, made, std::memory_order_release,  // [b] pairs with [a]
                                       std::memory_order_acquire))              // [a]
    return made;
  munmap(memory, sizeof(leaf));
  return found;
}

bool block_map::set(const char* base, std::size_t units, std::uint64_t tag, span* of) noexcept {
  for (std::size_t i = 0; i < units; ++i) {
    const char* const at = base + i * unit;
    const std::uintptr_t place = reinterpret_cast<std::uintptr_t>(at) >> (unit_bits + leaf_bits);
    leaf* const on = place < root_size ? make_leaf(place) : nullptr;
    if (on == nullptr) {
      clear(base, i);
      return false;
    }
    on->spans[index_of(at)].store(of, std::memory_order_relaxed);
    on->tags[index_of(at)].store(tag + i, std::memory_order_relaxed);
  }
  return true;
}

void block_map::clear(const char* base, std::size_t units) noexcept {
  for (std::size_t i = 0; i < units; ++i) {
    const char* const at = base + i * unit;
    leaf* const on =
        root[reinterpret_cast<std::uintptr_t>(at) >> (unit_bits + leaf_bits)].load(std::memory_order_relaxed);
    if (on == nullptr) continue;  // it could not be made
    on->tags[index_of(at)].store(0, std::memory_order_relaxed);
    on->spans[index_of(at)].store(nullptr, std::memory_order_relaxed);
  }
}

}  // namespace cistern::inline v0::detail
