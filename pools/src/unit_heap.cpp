// SPDX-License-Identifier: MIT
//
// Design: a chunk is one block of the source, of 4 units at first and then twice as many each time up to 32 (2 MiB), so
// that small pools stay small. Free units are bits of a word; chunks with free units are in one list, those without in
// another. Chunks of more than 32 units hold one span and nothing else.
//
// Bookkeeping comes in slabs, cut into cells of multiples of 64 bytes, which are used again by size and stay until the
// pool goes: 0.2 to 0.9 % of what the pool holds at its peak.
//
// Invariants: I1 a unit's entry in the block map is 0 exactly while it belongs to no span; I2 a chunk without a used
// unit does not exist outside of mutex_.
#include "unit_heap.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <mutex>
#include <new>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace cistern::inline v0::detail {

struct chunk {
  char* base;
  std::size_t units;
  std::uint64_t used;  // bits, at most 32
  bool full;           // in which list it is
  // What the block map said before of its first unit: a chunk may be a block of another pool.
  std::uint64_t outer_tag;
  span* outer;
  chunk* next;
  chunk* previous;

  static constexpr std::size_t most_shared = unit_heap::most_units;

  bool is_full() const noexcept {
    return units > most_shared ? used != 0 : std::popcount(used) == static_cast<int>(units);
  }
  static std::uint64_t mask(std::size_t count) noexcept {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  }
  static std::uint64_t unit_mask(std::size_t count) noexcept { return mask(std::min(count, most_shared)); }
};

namespace {

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// The lowest place of `count` neighbouring zeros among the first `size` bits, or `size`.
std::size_t find_free(std::uint64_t used, std::size_t size, std::size_t count) noexcept {
  for (std::size_t at = 0; at + count <= size; ++at)
    if ((used >> at & chunk::mask(count)) == 0) return at;
  return size;
}

}  // namespace

unit_heap::~unit_heap() {
  for (chunk*& list : chunks_)
    while (list != nullptr) drop_chunk(list);
  while (slabs_ != nullptr) {
    slab* const gone = std::exchange(slabs_, slabs_->next);
    source_.deallocate(gone, slab_bytes, cell_unit);
  }
}

span* unit_heap::make_span(std::uint32_t pool, std::size_t step, std::size_t units, std::size_t blocks) noexcept {
  const std::scoped_lock lock(mutex_);
  void* const memory = take_cell(span::bytes_for(blocks));
  if (memory == nullptr) return nullptr;
  chunk* home = nullptr;
  char* const base = take_units(units, home);
  if (base == nullptr) {
    give_cell(memory, span::bytes_for(blocks));
    return nullptr;
  }
  auto* const made = new (memory) span{.base = base,
                                       .home = home,
                                       .units = static_cast<std::uint32_t>(units),
                                       .total = static_cast<std::uint32_t>(blocks),
                                       .free = static_cast<std::uint32_t>(blocks),
                                       .first_word = 0,
                                       .fresh_from = 0,
                                       .dirty = false,
                                       .next = nullptr,
                                       .previous = nullptr,
                                       .bits = {}};
  for (std::size_t word = 0; word * 64 < blocks; ++word) made->bits[word] = chunk::mask(blocks - word * 64);
  if (!block_map::set(base, units, block_tag::make(pool, step, 0), made)) {
    give_units(base, units, home);
    give_cell(memory, span::bytes_for(blocks));
    return nullptr;
  }
  return made;
}

void unit_heap::unmake(span* gone) noexcept {
  const std::scoped_lock lock(mutex_);
  give_units(gone->base, gone->units, gone->home);
  give_cell(gone, span::bytes_for(gone->total));
}

char* unit_heap::return_pages(char* begin, char* end) noexcept {
  if (!return_pages_) return nullptr;
  const std::size_t page = page_size();
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) & ~(page - 1);
  const auto last = reinterpret_cast<std::uintptr_t>(end) & ~(page - 1);
  if (first >= last) return nullptr;
  const int errno_before = errno;
  if (madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED) == 0)
    returned_pages_.fetch_add(last - first, std::memory_order_relaxed);
  errno = errno_before;  // refused for locked memory: then it stays
  return reinterpret_cast<char*>(first);
}

char* unit_heap::take_units(std::size_t units, chunk*& home) noexcept {
  if (units <= chunk::most_shared)
    for (home = chunks_[has_room]; home != nullptr; home = home->next) {
      const std::size_t place = find_free(home->used, home->units, units);
      if (place != home->units) return use_units(*home, place, units);
    }
  const std::size_t wanted = std::max(units, next_units_);
  home = add_chunk(wanted);
  if (home == nullptr && wanted > units) home = add_chunk(units);  // a budget may leave this much
  if (home == nullptr) return nullptr;
  next_units_ = std::min(2 * next_units_, largest_);
  return use_units(*home, 0, units);
}

char* unit_heap::use_units(chunk& home, std::size_t place, std::size_t units) noexcept {
  home.used |= chunk::unit_mask(units) << place;
  numbers_.free_unit_bytes -= units * block_map::unit;
  relist(home);
  return home.base + place * block_map::unit;
}

void unit_heap::relist(chunk& one) noexcept {
  if (one.full == one.is_full()) return;
  unlist(one);
  one.full = !one.full;
  list(one);
}

void unit_heap::list(chunk& one) noexcept {
  chunk*& first = chunks_[one.full ? has_none : has_room];
  one.previous = nullptr;
  one.next = first;
  if (first != nullptr) first->previous = &one;
  first = &one;
}

void unit_heap::unlist(chunk& one) noexcept {
  (one.previous != nullptr ? one.previous->next : chunks_[one.full ? has_none : has_room]) = one.next;
  if (one.next != nullptr) one.next->previous = one.previous;
}

chunk* unit_heap::add_chunk(std::size_t units) noexcept {
  void* const memory = take_cell(sizeof(chunk));
  if (memory == nullptr) return nullptr;
  void* const base = source_.allocate(units * block_map::unit, block_map::unit);
  if (base == nullptr) {
    give_cell(memory, sizeof(chunk));
    return nullptr;
  }
  auto* const added = new (memory) chunk{.base = static_cast<char*>(base),
                                         .units = units,
                                         .used = 0,
                                         .full = false,
                                         .outer_tag = block_map::find(base),
                                         .outer = nullptr,
                                         .next = nullptr,
                                         .previous = nullptr};
  if (added->outer_tag != 0) added->outer = block_map::span_of(base);
  list(*added);
  ++numbers_.chunks;
  ++numbers_.chunks_taken;
  numbers_.chunk_bytes += units * block_map::unit;
  numbers_.free_unit_bytes += units * block_map::unit;
  return added;
}

void unit_heap::give_units(char* base, std::size_t units, chunk* home) noexcept {
  const auto place = static_cast<std::size_t>(base - home->base) / block_map::unit;
  home->used &= ~(chunk::unit_mask(units) << place);
  if (home->outer_tag != 0)
    block_map::set(base, units, home->outer_tag + place, home->outer);  // its leaf is there
  else
    block_map::clear(base, units);
  numbers_.free_unit_bytes += units * block_map::unit;
  if (home->used == 0) {
    drop_chunk(home);
  } else {
    return_pages(base, base + units * block_map::unit);
    relist(*home);
  }
}

void unit_heap::drop_chunk(chunk* gone) noexcept {
  unlist(*gone);
  const std::size_t bytes = gone->units * block_map::unit;
  --numbers_.chunks;
  ++numbers_.chunks_returned;
  numbers_.chunk_bytes -= bytes;
  numbers_.free_unit_bytes -= bytes;
  source_.deallocate(gone->base, bytes, block_map::unit);
  give_cell(gone, sizeof(chunk));
}

void* unit_heap::take_cell(std::size_t bytes) noexcept {
  const std::size_t kind = (bytes + cell_unit - 1) / cell_unit;
  if (kind >= cell_kinds) return source_.allocate(kind * cell_unit, cell_unit);
  if (cell* const found = cells_[kind]) {
    cells_[kind] = found->next;
    return found;
  }
  if (static_cast<std::size_t>(slab_end_ - slab_at_) < kind * cell_unit) {
    auto* const memory = static_cast<char*>(source_.allocate(slab_bytes, cell_unit));
    if (memory == nullptr) return nullptr;
    slabs_ = new (memory) slab{slabs_};
    slab_at_ = memory + cell_unit;
    slab_end_ = memory + slab_bytes;
    numbers_.bookkeeping_bytes += slab_bytes;
  }
  return std::exchange(slab_at_, slab_at_ + kind * cell_unit);
}

void unit_heap::give_cell(void* memory, std::size_t bytes) noexcept {
  const std::size_t kind = (bytes + cell_unit - 1) / cell_unit;
  if (kind >= cell_kinds)
    source_.deallocate(memory, kind * cell_unit, cell_unit);
  else
    cells_[kind] = new (memory) cell{cells_[kind]};
}

unit_heap::numbers unit_heap::read() noexcept {
  const std::scoped_lock lock(mutex_);
  numbers now = numbers_;
  now.returned_pages_bytes = returned_pages_.load(std::memory_order_relaxed);
  return now;
}

}  // namespace cistern::inline v0::detail
