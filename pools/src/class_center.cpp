// SPDX-License-Identifier: MIT
//
// Design: the depot of J. Bonwick and J. Adams, "Magazines and Vmem" (2001), with its working set: what the depot never
// went below from one tick to the next is idle, and goes back into spans. In a span a block is a bit, so neither the
// depot's blocks nor those of spans are touched while they lie there.
//
// Invariants: I1 a block is live, or in one magazine, or its bit is set; I2 spans_ holds the spans with a bit set and
// no others; dirty ones come before the others; I3 a span whose bits are all set does not exist outside of mutex_;
// I4 a free block below fresh_from has its idle word, for the lowest free block is always taken first.
#include "class_center.hpp"

#include "misuse.hpp"
#include <cistern/allocators/poison.hpp>
#include <cistern/pools/detail/block_pool.hpp>

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

namespace cistern::inline v0::detail {
namespace {

// A block that may hold anything is marked in its pointer; the mark is seen as its idle word is missed.
// Without checks nobody would see it.
constexpr std::uintptr_t fresh_mark = pool_checks ? 1 : 0;

}  // namespace

class_geometry class_geometry::of(std::size_t stride, std::size_t bins, std::size_t most_bytes,
                                  std::size_t most_idle) noexcept {
  const std::size_t shared_units = std::clamp<std::size_t>(most_bytes / 16 / block_map::unit, 1, 32);
  class_geometry made;
  made.stride = stride;
  made.units = (stride + block_map::unit - 1) / block_map::unit;
  const std::size_t least = stride <= block_map::unit ? 8 : 1;
  std::size_t best = SIZE_MAX;
  for (std::size_t units = made.units; units <= shared_units; ++units) {
    const std::size_t bytes = units * block_map::unit, waste = bytes % stride * 1024 / bytes;
    if (bytes / stride < least || waste >= best) continue;
    best = waste;
    made.units = units;
    if (waste <= 1024 / 32) break;
  }
  made.blocks = made.units * block_map::unit / stride;
  const std::size_t alone = std::min(std::size_t{1} << 20, most_idle / 32);  // blocks above, in a magazine
  constexpr std::size_t magazine_bytes = std::size_t{128} << 10;
  made.capacity =
      std::clamp<std::size_t>(magazine_bytes / (stride * bins), bins == 1 && stride <= alone ? 2 : 1, magazine::most);
  constexpr std::size_t stash_bytes = std::size_t{1} << 20, most_stashed = 16;
  made.stashed = std::min(stash_bytes / (made.capacity * stride * bins), most_stashed);
  made.inverse = ((std::uint64_t{1} << 32) + stride - 1) / stride;
  return made;
}

magazine* class_center::take() noexcept {
  const std::scoped_lock lock(mutex_);
  magazine* const taken = depot_.pop();
  if (taken == nullptr) {
    ++numbers_.misses;
  } else {
    ++numbers_.refills;
    numbers_.depot_blocks -= taken->stored();
  }
  fewest_ = std::min(fewest_, depot_.size);
  return taken;
}

void class_center::give(magazine* with) noexcept {
  const std::scoped_lock lock(mutex_);
  ++numbers_.flushes;
  push(with);
}

void class_center::give_back(magazine* with) noexcept {
  const std::scoped_lock lock(mutex_);
  push(with);
}

void class_center::push(magazine* with) noexcept {
  numbers_.depot_blocks += with->stored();
  depot_.push(with);
}

loaded class_center::fill(magazine& into) noexcept {
  loaded filled{into.bottom(geometry_.capacity), into.bottom(geometry_.capacity)};
  const std::scoped_lock lock(mutex_);
  while (!magazine::full(filled.top)) {
    // A span more is worth its memory only when there is nothing to hand out.
    span* const from = spans_ != nullptr || filled.empty() ? span_with_free() : nullptr;
    if (from == nullptr) break;
    *filled.top++ = take_lowest(*from);
  }
  std::reverse(filled.limit, filled.top);
  return filled;
}

void class_center::dissolve(const loaded& blocks) noexcept {
  const std::scoped_lock lock(mutex_);
  for (void** each = blocks.limit; each != blocks.top; ++each) give_to_span(*each);
}

void* class_center::take_block() noexcept {
  const std::scoped_lock lock(mutex_);
  span* const from = span_with_free();
  if (from == nullptr) return nullptr;
  ++numbers_.single_gets;
  return take_lowest(*from);
}

void class_center::give_block(void* block, bool may_keep) noexcept {
  const std::scoped_lock lock(mutex_);
  give_to_span(block, may_keep);
}

void class_center::give_kept_span() noexcept {
  const std::scoped_lock lock(mutex_);
  unmake_kept();
}

void class_center::unmake_kept() noexcept {
  if (span* const gone = std::exchange(kept_, nullptr)) {
    unlist(*gone);
    unmake(*gone);
  }
}

void class_center::unmake(span& one) noexcept {
  --numbers_.spans;
  numbers_.span_blocks -= one.total;
  numbers_.span_free -= one.total;
  unpoison(one.base, one.units * block_map::unit);
  heap_->unmake(&one);
}

span* class_center::span_with_free() noexcept {
  if (spans_ != nullptr) return spans_;
  span* const made = heap_->make_span(pool_, step_, geometry_.units, geometry_.blocks);
  if (made == nullptr) return nullptr;
  ++numbers_.spans;
  numbers_.span_blocks += made->total;
  numbers_.span_free += made->free;
  list(*made, true);
  return made;
}

void* class_center::take_lowest(span& from) noexcept {
  while (from.bits[from.first_word] == 0) ++from.first_word;
  std::uint64_t& word = from.bits[from.first_word];
  const std::size_t index = from.first_word * std::size_t{64} + static_cast<std::size_t>(std::countr_zero(word));
  word &= word - 1;
  --from.free;
  --numbers_.span_free;
  drawn_from_ = true;
  if (kept_ == &from) kept_ = nullptr;
  if (from.free == 0) unlist(from);
  char* const block = from.base + index * geometry_.stride;
  if (index < from.fresh_from) return block;
  from.fresh_from = static_cast<std::uint32_t>(index) + 1;
  return block + fresh_mark;  // see block_pool::wake_unusual
}

void class_center::give_to_span(void* marked, bool may_keep) noexcept {
  const bool fresh = reinterpret_cast<std::uintptr_t>(marked) % 2 == fresh_mark;
  char* const block = unmarked(marked);
  span& to = *block_map::span_of(block);
  const std::uint64_t offset = static_cast<std::uint64_t>(block - to.base);
  const std::uint64_t index = offset * geometry_.inverse >> 32;
  const std::size_t at = index / 64;
  const std::uint64_t bit = std::uint64_t{1} << index % 64;
  if (index >= to.total || (to.bits[at] & bit) != 0) misuse::idle_twice(block);
  if (fresh) to.fresh_from = std::min(to.fresh_from, static_cast<std::uint32_t>(index));
  to.bits[at] |= bit;
  to.first_word = std::min(to.first_word, static_cast<std::uint32_t>(at));
  ++to.free;
  ++numbers_.span_free;
  ++numbers_.trimmed;
  if (to.free > 1) unlist(to);
  if (to.free == to.total) {
    if (!may_keep || spans_ != nullptr) return unmake(to);
    kept_ = &to;
  }
  to.dirty = true;
  list(to, true);
}

void class_center::list(span& one, bool front) noexcept {
  one.previous = front ? nullptr : last_;
  one.next = front ? spans_ : nullptr;
  (one.next != nullptr ? one.next->previous : last_) = &one;
  (one.previous != nullptr ? one.previous->next : spans_) = &one;
}

void class_center::unlist(span& one) noexcept {
  (one.previous != nullptr ? one.previous->next : spans_) = one.next;
  (one.next != nullptr ? one.next->previous : last_) = one.previous;
  one.next = one.previous = nullptr;
}

magazine_stack class_center::take_idle(bool all) noexcept {
  const std::scoped_lock lock(mutex_);
  magazine_stack idle = depot_.split_oldest(all ? depot_.size : fewest_);
  fewest_ = depot_.size;
  for (const magazine* each = idle.first; each != nullptr; each = each->next()) numbers_.depot_blocks -= each->stored();
  return idle;
}

void class_center::return_pages(bool all) noexcept {
  constexpr int at_once = 16;  // so that nobody waits long for the mutex
  for (bool more = true; more;) {
    const std::scoped_lock lock(mutex_);
    if (!all && drawn_from_) break;
    unmake_kept();
    for (int i = 0; i < at_once && (more = spans_ != nullptr && spans_->dirty); ++i) return_pages_of(*spans_);
  }
  const std::scoped_lock lock(mutex_);
  drawn_from_ = false;
}

void class_center::return_pages_of(span& one) noexcept {
  for (std::size_t index = 0; index < one.total;) {
    const auto is_free = [&one](std::size_t at) { return (one.bits[at / 64] >> at % 64 & 1) != 0; };
    if (!is_free(index)) {
      ++index;
      continue;
    }
    const std::size_t first = index;
    while (index < one.total && is_free(index)) ++index;
    const char* const gone =
        heap_->return_pages(one.base + first * geometry_.stride, one.base + index * geometry_.stride);
    if (gone == nullptr) continue;
    const std::size_t first_gone = static_cast<std::size_t>(gone - one.base) / geometry_.stride;
    one.fresh_from = std::min(one.fresh_from, static_cast<std::uint32_t>(first_gone));
  }
  one.dirty = false;
  unlist(one);
  list(one, false);
}

bool class_center::has_idle() noexcept {
  const std::scoped_lock lock(mutex_);
  return depot_.size != 0 || (spans_ != nullptr && spans_->dirty);
}

class_center::numbers class_center::read() noexcept {
  const std::scoped_lock lock(mutex_);
  return numbers_;
}

}  // namespace cistern::inline v0::detail
