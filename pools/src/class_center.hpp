// SPDX-License-Identifier: MIT
#pragma once

#include "unit_heap.hpp"
#include <cistern/allocators/mutex.hpp>
#include <cistern/pools/detail/magazine.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// How blocks of one class are cut from spans and kept in magazines. Constant.
struct class_geometry {
  std::size_t stride = 0;    // bytes from block to block
  std::size_t units = 0;     // of a span
  std::size_t blocks = 0;    // in a span
  std::size_t capacity = 0;  // of a magazine
  std::size_t stashed = 0;   // full magazines that a thread may keep besides
  std::uint64_t inverse =
      0;  // ceil(2^32 / stride): of a multiple of stride below 2^32, times this >> 32 is the quotient

  /// A span wastes at most 1/32 of its memory where that is possible with 2 MiB and a sixteenth of the `most_bytes`
  /// that the pool may ever have, and has 8 blocks at least up to 64 KiB. What a thread keeps is shared by the `bins`
  /// that it has for the class.
  static class_geometry of(std::size_t stride, std::size_t bins, std::size_t most_bytes,
                           std::size_t most_idle) noexcept;

  std::size_t room() const noexcept { return capacity * stride; }  // bytes, of a magazine
};

/// What all threads share of one size class: the depot of magazines, and the spans below it.
///
/// Threads: any; all of it under one mutex, held for as long as a magazine is filled at most. It takes the unit_heap's.
class alignas(128) class_center {
 public:
  struct numbers {
    std::size_t depot_blocks, span_blocks, span_free, spans;
    std::uint64_t refills, misses, flushes, trimmed, single_gets;
  };

  /// `step` is what its blocks' tags say.
  void open(unit_heap& heap, std::uint32_t pool, std::size_t step, const class_geometry& geometry) noexcept {
    heap_ = &heap;
    pool_ = pool;
    step_ = step;
    geometry_ = geometry;
  }
  const class_geometry& geometry() const noexcept { return geometry_; }
  loaded of(magazine& stored) const noexcept {
    void** const bottom = stored.bottom(geometry_.capacity);
    return {bottom, bottom + stored.stored()};
  }

  // Magazines, with what they hold stored in them.

  /// A magazine with something in it, or nullptr when the depot has none.
  magazine* take() noexcept;
  void give(magazine* with) noexcept;
  void give_back(magazine* with) noexcept;  // one that was taken or cut off for a moment
  /// Puts blocks of spans into a magazine that is empty, so that the lowest lie on top; none when there is no memory.
  loaded fill(magazine& into) noexcept;
  /// Puts a magazine's blocks back into their spans, and empty spans back to the heap.
  void dissolve(const loaded& blocks) noexcept;

  // Single blocks, for those who have no magazine. A block from a span may be marked as fresh.

  /// The address of a block that may be marked.
  static char* unmarked(void* block) noexcept {
    return static_cast<char*>(block) - reinterpret_cast<std::uintptr_t>(block) % 2;
  }
  void* take_block() noexcept;
  /// May keep a span that is empty then, for the next take_block(), so that one block that comes and goes does not take
  /// a chunk along: until return_pages() or give_kept_span().
  void give_block(void* block, bool may_keep = false) noexcept;
  void give_kept_span() noexcept;

  // Ageing.

  /// Cuts off the magazines that nobody has needed since the last call (all: every one).
  magazine_stack take_idle(bool all) noexcept;
  /// Gives free pages within spans back to the system: when `all`, else if no block came from a span since the last
  /// call.
  void return_pages(bool all) noexcept;
  bool has_idle() noexcept;

  numbers read() noexcept;

  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork() noexcept { mutex_.unlock(); }

 private:
  void push(magazine* with) noexcept;
  span* span_with_free() noexcept;
  void* take_lowest(span& from) noexcept;
  void give_to_span(void* block, bool may_keep = false) noexcept;
  void unmake(span& one) noexcept;
  void unmake_kept() noexcept;
  void list(span& one, bool front) noexcept;
  void unlist(span& one) noexcept;
  void return_pages_of(span& one) noexcept;

  // Constant after open().
  unit_heap* heap_ = nullptr;
  std::uint32_t pool_ = 0;
  std::size_t step_ = 0;
  class_geometry geometry_;

  mutex mutex_;
  // Guarded by mutex_.
  magazine_stack depot_;
  std::size_t fewest_ = 0;  // magazines in the depot since the last tick
  span* spans_ = nullptr;   // those with free blocks: the dirty ones first
  span* last_ = nullptr;
  bool drawn_from_ = false;  // since the last tick
  span* kept_ = nullptr;     // one of spans_, without a block that is out
  numbers numbers_{};
};

}  // namespace cistern::inline v0::detail
