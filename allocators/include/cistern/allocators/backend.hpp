// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cistern::inline v0 {

/// What a backend knows of itself, in bytes, for the whole process. A number that the allocator does not tell is empty.
struct backend_statistics {
  std::optional<std::size_t> live_bytes;      ///< in blocks that are allocated now, with the allocator's rounding
  std::optional<std::size_t> mapped_bytes;    ///< of address space taken from the system
  std::optional<std::size_t> resident_bytes;  ///< of that, in physical memory
};

/// Where pools get their memory: an allocator as a small value, called without indirection.
///
/// A backend is copyable, and equal backends free each other's blocks. Its members may be called from any thread at
/// once, including from thread-local and static destructors. It is the same for all:
///
/// - `allocate(bytes, alignment)` returns a block, or nullptr when there is no memory. The alignment is a power of two;
///   every backend serves up to 2 MiB at least, and another number gives nullptr or a block of no stated alignment.
///   Zero bytes give a block of its own that must be freed like any other. Contents are not set.
/// - `deallocate(block, bytes, alignment)` takes a block back with the numbers it was asked for; nullptr is ignored.
/// - `good_size(bytes)` is the size, not below `bytes`, that a request for `bytes` is rounded up to: asking for it
///   costs no more memory. Backends that cannot tell return `bytes`.
/// - `usable_size(block)` is what may be used of a block, or 0 when the backend cannot tell from the address alone.
/// - `try_resize(block, old, new, alignment)`: true when the block, at its old address, now counts as one of `new`
///   bytes. False changes nothing. Never moves, and never makes a block larger by allocating another.
/// - `trim()` gives free memory back to the system, as far as the allocator can; it may take milliseconds.
/// - `statistics()`, `name()` (short, lower case) and `version()` tell about the allocator.
///
/// Use a backend directly where nanoseconds count, or through basic_backend_resource as a std::pmr::memory_resource.
template <class B>
concept memory_backend = std::copyable<B> && std::equality_comparable<B> &&
    requires(const B backend, void* block, std::size_t bytes, std::size_t alignment) {
  { backend.allocate(bytes, alignment) }
  noexcept->std::same_as<void*>;
  { backend.deallocate(block, bytes, alignment) }
  noexcept->std::same_as<void>;
  { backend.good_size(bytes) }
  noexcept->std::same_as<std::size_t>;
  { backend.usable_size(block) }
  noexcept->std::same_as<std::size_t>;
  { backend.try_resize(block, bytes, bytes, alignment) }
  noexcept->std::same_as<bool>;
  { backend.trim() }
  noexcept->std::same_as<void>;
  { backend.statistics() } -> std::same_as<backend_statistics>;
  { backend.name() }
  noexcept->std::same_as<std::string_view>;
  { backend.version() } -> std::same_as<std::string>;
};

}  // namespace cistern::inline v0
