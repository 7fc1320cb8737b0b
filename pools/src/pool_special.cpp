// SPDX-License-Identifier: MIT
//
// What costs time: zeroes, canaries, the quarantine, and blocks between pages that cannot be touched. Pools with any of
// it have no inline path; all of their gets and puts come by here.
//
// With canaries a block's class has eight bytes more than it was asked for: its last ones tell its size, and what lies
// between the two is filled with bytes that must still be there as it is put.
#include "misuse.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/poison.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

namespace cistern::inline v0::detail {
namespace {

constexpr unsigned char gap_byte = 0xCA, resting_byte = 0xDE;
constexpr std::size_t trailer = sizeof(std::uint64_t);

bool all_are(const char* from, const char* to, unsigned char byte) noexcept {
  return std::all_of(from, to, [byte](char each) { return static_cast<unsigned char>(each) == byte; });
}

// From the end of a guarded block to that of its page, where alignment keeps it from ending there.
std::size_t gap_behind(const void* block, std::size_t bytes, std::size_t page) noexcept {
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(block) + bytes;
  return static_cast<std::size_t>((bytes != 0 ? (end + page - 1) & ~(page - 1) : (end & ~(page - 1)) + page) - end);
}

}  // namespace

void* pool_state::get_special(std::size_t bytes, std::size_t alignment) noexcept {
  if (options_.guard_one_in != 0 &&
      guard_countdown_.fetch_add(1, std::memory_order_relaxed) % options_.guard_one_in == options_.guard_one_in - 1)
    if (void* const guarded = get_guarded(bytes, alignment)) return guarded;
  const std::size_t extra = options_.canaries ? trailer : 0;
  const std::size_t step =
      bytes <= classes_.largest() ? step_for(std::max<std::size_t>(bytes, 1) + extra, alignment) : size_step::count;
  if (step == size_step::count) return get_large(bytes, alignment);
  auto* const block = static_cast<char*>(get(step));
  if (block == nullptr) return nullptr;
  char* const end = block + stride_[step];
  if (options_.zero_on_get) std::memset(block, 0, stride_[step]);
  if (options_.canaries) {
    const std::uint64_t size = canary_of(block) ^ bytes;
    std::memset(block + bytes, gap_byte, static_cast<std::size_t>(end - trailer - (block + bytes)));
    std::memcpy(end - trailer, &size, trailer);
  }
  return block;
}

std::size_t pool_state::special_bytes(const void* block, std::size_t step) const noexcept {
  if (!options_.canaries) return stride_[step];
  std::uint64_t size = 0;
  std::memcpy(&size, static_cast<const char*>(block) + stride_[step] - trailer, trailer);
  size ^= canary_of(block);
  if (size > stride_[step] - trailer) misuse::overrun(*this, block, stride_[step]);
  return size;
}

void pool_state::put_special(void* block, std::size_t bytes, bool sized, std::size_t step) noexcept {
  const share held(*this);
  unpoison(block, 2 * sizeof(std::uint64_t));  // one that is put twice is poisoned
  if (word(block, 1) == idle_word(block)) misuse::put_twice(*this, block, stride_[step]);
  if (options_.canaries) {
    const std::size_t size = special_bytes(block, step);
    const char* const at = static_cast<const char*>(block);
    if (!all_are(at + size, at + stride_[step] - trailer, gap_byte)) misuse::overrun(*this, block, stride_[step]);
    if (sized && size != bytes) misuse::wrong_size(*this, block, size, bytes);
  }
  if (options_.zero_on_put) std::memset(block, 0, stride_[step]);
  if (quarantine_ != nullptr && !ended_.load(std::memory_order_relaxed))
    rest(block, step);
  else
    put(block, step);
}

void pool_state::rest(void* block, std::size_t step) noexcept {
  quarantine::entry left[8];
  std::size_t leaving = 0;
  {
    const std::scoped_lock lock(quarantine_->lock);
    std::memset(block, resting_byte, stride_[step]);
    set_word(block, 0, idle_word(block));
    set_word(block, 1, idle_word(block));
    // More than one may leave for one that comes, for it may be larger than they are.
    while (leaving < std::size(left) && quarantine_->count != 0 &&
           (quarantine_->count == quarantine::size || quarantine_->bytes + stride_[step] > options_.quarantine_bytes)) {
      left[leaving++] = quarantine_->take();
    }
    quarantine_->add({block, step, stride_[step]});
  }
  for (std::size_t i = 0; i < leaving; ++i) leave_quarantine(left[i].block, left[i].step);
  if (has_ended()) empty_quarantine();  // meanwhile
}

void pool_state::leave_quarantine(void* block, std::size_t step) noexcept {
  const char* const at = static_cast<const char*>(block);
  if (word(block, 0) != idle_word(block) || word(block, 1) != idle_word(block) ||
      !all_are(at + 2 * sizeof(std::uint64_t), at + stride_[step], resting_byte))
    misuse::written_after_put(*this, block, stride_[step]);
  set_word(block, 1, 0);
  put(block, step);
}

// Of what rests now.
void pool_state::empty_quarantine() noexcept {
  if (quarantine_ == nullptr) return;
  for (std::size_t i = 0; i < quarantine::size; ++i) {
    quarantine::entry left;
    {
      const std::scoped_lock lock(quarantine_->lock);
      if (quarantine_->count == 0) return;
      left = quarantine_->take();
    }
    leave_quarantine(left.block, left.step);
  }
}

// The block ends where the second guard page begins, but for its alignment.
void* pool_state::get_guarded(std::size_t bytes, std::size_t alignment) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  alignment = std::max(alignment, options_.alignment);
  const std::size_t room = (std::max<std::size_t>(bytes, 1) + page - 1) & ~(page - 1);
  if (bytes > classes_.largest() || alignment > page) return nullptr;
  const std::size_t whole = room + 2 * page;
  if (!source_.count(room)) return nullptr;
  const int errno_before = errno;
  void* const mapping = mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* block = nullptr;
  if (mapping != MAP_FAILED) {
    auto* const first = static_cast<char*>(mapping) + page;
    block = first + ((room - std::max<std::size_t>(bytes, 1)) & ~(alignment - 1));
    if (mprotect(first, room, PROT_READ | PROT_WRITE) != 0 ||
        !large_.add({.address = block, .bytes = bytes, .alignment = alignment, .guarded = whole, .next = nullptr})) {
      munmap(mapping, whole);
      block = nullptr;
    }
  }
  if (block == nullptr)
    source_.uncount(room);
  else
    std::memset(block + bytes, gap_byte, gap_behind(block, bytes, page));
  errno = errno_before;
  return block;
}

void pool_state::put_guarded(const large_blocks::record& gone) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const char* const end = static_cast<const char*>(gone.address) + gone.bytes;
  if (!all_are(end, end + gap_behind(gone.address, gone.bytes, page), gap_byte))
    misuse::overrun(*this, gone.address, gone.bytes);
  const auto at = reinterpret_cast<std::uintptr_t>(gone.address);
  void* const mapping = reinterpret_cast<void*>((at & ~(page - 1)) - page);
  const int errno_before = errno;
  mprotect(mapping, gone.guarded, PROT_NONE);
  madvise(mapping, gone.guarded, MADV_DONTNEED);
  source_.uncount(gone.guarded - 2 * page);
  const std::scoped_lock lock(guarded_.lock);
  auto& place = guarded_.mappings[guarded_.next++ % guarded_past::size];
  if (place.base != nullptr) munmap(place.base, place.bytes);
  place = {mapping, gone.guarded};
  errno = errno_before;
}

}  // namespace cistern::inline v0::detail
