// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

struct span;

/// Which pool, which class (by the size_step of its blocks) and which place within its span a unit of 64 KiB has. 0 for
/// a unit that is no pool's.
struct block_tag {
  static constexpr std::uint64_t make(std::uint32_t pool, std::size_t step, std::size_t unit) noexcept {
    return static_cast<std::uint64_t>(pool) << 32 | static_cast<std::uint64_t>(step) << 16 | unit;
  }
  static constexpr std::uint32_t pool_of(std::uint64_t tag) noexcept { return static_cast<std::uint32_t>(tag >> 32); }
  static constexpr std::size_t step_of(std::uint64_t tag) noexcept { return tag >> 16 & 0xffff; }
  static constexpr std::size_t unit_of(std::uint64_t tag) noexcept { return tag & 0xffff; }
};

/// Tells from an address whose block lies there: one table for the process, for all pools.
///
/// The table of tables of tcmalloc and others: the root has an entry for each 4 GiB of addresses, a leaf one for each
/// unit of 64 KiB in them. Leaves come from the system when memory there is first used, and stay (1 MiB of address
/// space, of which those pages are real that describe memory of pools: 16 bytes for each 64 KiB).
///
/// Threads: find() any; set() and clear() by whoever owns the units. Order: a block's owner knows it from one that knew
/// its unit's entry, so entries are read relaxed; a pointer that is no block may see an old entry or a new one.
class CISTERN_EXPORT block_map {
 public:
  static constexpr std::size_t unit_bits = 16, unit = std::size_t{1} << unit_bits;

  static std::uint64_t find(const void* address) noexcept {
    const leaf* const at = leaf_of(address);
    return at != nullptr ? at->tags[index_of(address)].load(std::memory_order_relaxed) : 0;
  }
  /// The same as find(address) == tag, for a tag that is not 0.
  static bool is(const void* address, std::uint64_t tag) noexcept {
    const leaf* const at = leaf_of(address);
    return at != nullptr && at->tags[index_of(address)].load(std::memory_order_relaxed) == tag;
  }
  /// Only for addresses whose tag is not 0, by one who owns a block there or the pool's lock.
  static span* span_of(const void* address) noexcept {
    return leaf_of(address)->spans[index_of(address)].load(std::memory_order_relaxed);
  }

  /// Enters `units` units from `base` on. False when the system has no memory for a leaf; nothing is entered then.
  static bool set(const char* base, std::size_t units, std::uint64_t tag, span* of) noexcept;
  static void clear(const char* base, std::size_t units) noexcept;

 private:
  static constexpr std::size_t address_bits = 48, leaf_bits = 16;
  static constexpr std::size_t leaf_size = std::size_t{1} << leaf_bits;
  static constexpr std::size_t root_size = std::size_t{1} << (address_bits - leaf_bits - unit_bits);

  struct leaf {
    sync::atomic<std::uint64_t> tags[leaf_size];
    std::atomic<span*> spans[leaf_size];  // as plain as before, but for a unit that comes back by the system
  };

  static const leaf* leaf_of(const void* address) noexcept {
    const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(address) >> (unit_bits + leaf_bits);
    return at < root_size ? root[at].load(std::memory_order_acquire) : nullptr;  // [a] pairs with [b]: zeroed entries
  }
  static std::size_t index_of(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) >> unit_bits & (leaf_size - 1);
  }
  static leaf* make_leaf(std::size_t at) noexcept;

  static constinit sync::atomic<leaf*> root[root_size];
};

}  // namespace cistern::inline v0::detail
