// SPDX-License-Identifier: MIT
#pragma once

#include "memory_source.hpp"
#include <cistern/allocators/mutex.hpp>
#include <cistern/pools/detail/block_map.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

struct chunk;

/// Some neighbouring units of 64 KiB, cut into blocks of one class. What is idle of them and in no magazine is a bit
/// each. Guarded by its class's mutex.
struct span {
  char* base;
  chunk* home;
  std::uint32_t units;
  std::uint32_t total;       // blocks
  std::uint32_t free;        // of them, how many bits are set
  std::uint32_t first_word;  // below it no bit is set
  // Blocks from here on may hold anything while their bit is set; those before have their idle word. The lowest is
  // always taken first, so this only climbs until memory is given back.
  std::uint32_t fresh_from;
  bool dirty;  // has got blocks since its free pages were given back
  span* next;
  span* previous;
  std::uint64_t bits[1];  // as many as there are blocks

  static std::size_t bytes_for(std::size_t blocks) noexcept {
    return sizeof(span) + ((blocks + 63) / 64 - 1) * sizeof(std::uint64_t);
  }
};

/// Units for the spans of one pool, in chunks from its source, which go back as soon as nothing of them is in use. And
/// the memory of the pool's own bookkeeping.
///
/// Threads: any. Its mutex is the last of a pool's to be taken, but for those of the source.
class unit_heap {
 public:
  static constexpr std::size_t least_units = 4, most_units = 32;

  /// Its chunks grow to `largest` units.
  unit_heap(memory_source& source, bool return_pages, std::size_t largest) noexcept
      : source_(source), return_pages_(return_pages), largest_(largest) {}
  /// All units must have been given back, or be wanted for ever.
  ~unit_heap();
  unit_heap(const unit_heap&) = delete;
  unit_heap& operator=(const unit_heap&) = delete;

  /// A span of so many units, its blocks all free, entered into the block map; nullptr when there is no memory.
  span* make_span(std::uint32_t pool, std::size_t step, std::size_t units, std::size_t blocks) noexcept;
  void unmake(span* gone) noexcept;

  /// Gives back pages that lie wholly in [begin, end): where they begin, or nullptr when there are none.
  char* return_pages(char* begin, char* end) noexcept;

  struct numbers {
    std::size_t chunks, chunk_bytes, free_unit_bytes, bookkeeping_bytes;
    std::uint64_t chunks_taken, chunks_returned, returned_pages_bytes;
  };
  numbers read() noexcept;

  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork() noexcept { mutex_.unlock(); }

 private:
  char* take_units(std::size_t units, chunk*& home) noexcept;
  char* use_units(chunk& home, std::size_t place, std::size_t units) noexcept;
  chunk* add_chunk(std::size_t units) noexcept;
  void list(chunk& one) noexcept;
  void unlist(chunk& one) noexcept;
  void relist(chunk& one) noexcept;
  void give_units(char* base, std::size_t units, chunk* home) noexcept;
  void drop_chunk(chunk* gone) noexcept;
  void* take_cell(std::size_t bytes) noexcept;
  void give_cell(void* cell, std::size_t bytes) noexcept;

  struct slab {
    slab* next;
  };
  struct cell {
    cell* next;
  };
  static constexpr std::size_t has_room = 0, has_none = 1;
  static constexpr std::size_t cell_unit = 64, cell_kinds = 16, slab_bytes = std::size_t{32} << 10;

  // Constant after construction.
  memory_source& source_;
  const bool return_pages_;
  const std::size_t largest_;

  mutex mutex_;
  // Guarded by mutex_.
  chunk* chunks_[2] = {};                 // those with free units, and those without
  std::size_t next_units_ = least_units;  // of the next chunk; doubles
  slab* slabs_ = nullptr;
  char* slab_at_ = nullptr;
  char* slab_end_ = nullptr;
  cell* cells_[cell_kinds] = {};  // free ones, by size
  numbers numbers_{};
  // Relaxed: counted only.
  sync::atomic<std::uint64_t> returned_pages_{0};
};

}  // namespace cistern::inline v0::detail
