// SPDX-License-Identifier: MIT
//
// Design: each buffer is in one place, and moves between places under one lock:
//   free <-> held <-> in_flight, held <-> lent.
// An operation's number has the pool's number in its highest 16 bits, the buffer's generation in the next 32, and its
// index in the lowest 16. The generation grows with each operation, so a number means one operation alone.
//
// Invariants: I1 a buffer is in the list of free ones exactly when its place is free. I2 one that is in_flight or lent
// is in no handle. I3 the object goes when the pool has ended and no buffer is held; then none is in flight or lent.
#include "uring_buffers.hpp"

#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/poison.hpp>

#include <bit>
#include <cstdio>
#include <mutex>
#include <new>
#include <stdexcept>

#include <unistd.h>

namespace cistern::inline v0::detail {
namespace {

constexpr std::uint64_t highest_bit = std::uint64_t{1} << 15;
constexpr const char* const words[] = {"free", "held by a handle", "in flight", "lent to a ring"};

std::size_t page_size() noexcept { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// From 0x8000 on. 0xffff is left out: liburing marks operations of its own by -1.
std::uint64_t next_number() noexcept {
  static constinit sync::atomic<std::uint64_t> last{0};
  return highest_bit + last.fetch_add(1, std::memory_order_relaxed) % (highest_bit - 1);
}

const uring_buffer_options& checked(const uring_buffer_options& options) {
  const auto refuse = [](const std::string& what) { throw std::invalid_argument("uring_buffer_options::" + what); };
  if (options.count == 0 || options.count > uring_buffers::most)
    refuse("count is " + std::to_string(options.count) + "; 1 to " + std::to_string(uring_buffers::most) +
           " are possible");
  if (!(std::has_single_bit(options.bytes) && options.bytes >= 64) &&
      (options.bytes == 0 || options.bytes % page_size() != 0))
    refuse("bytes is " + std::to_string(options.bytes) +
           "; it must be a power of two from 64 on, or a multiple of the page size");
  if (options.bytes > std::size_t{1} << 30)
    refuse("bytes is " + std::to_string(options.bytes) + "; the kernel takes fixed buffers of up to 1 GiB");
  return options;
}

}  // namespace

uring_buffers::uring_buffers(const uring_buffer_options& options)
    : name_(checked(options).name),
      count_(static_cast<std::uint32_t>(options.count)),
      bytes_(options.bytes),
      backend_(options.pages),
      number_(next_number()),
      slots_(std::make_unique<slot[]>(options.count)) {
  memory_ = static_cast<std::byte*>(backend_.allocate(count_ * bytes_, page_size()));
  if (memory_ == nullptr) throw std::bad_alloc();
  poison(memory_, count_ * bytes_);
  count_at(place::free) = count_;
  for (std::uint32_t index = count_; index-- > 0; free_ = index) slots_[index].next = free_;
}

uring_buffers::~uring_buffers() {
  unpoison(memory_, count_ * bytes_);
  backend_.deallocate(memory_, count_ * bytes_, page_size());
}

void uring_buffers::end() noexcept {
  bool last = false;
  {
    const std::scoped_lock lock(mutex_);
    if (const std::size_t flying = count_at(place::in_flight); flying != 0)
      misused(
          "ended with %zu operations in flight, and the kernel may still use their buffers; cancel them and pass their "
          "completions to completed() first",
          flying);
    if (lenders_ != 0) misused("ended before %zu rings of provided buffers that have buffers of it", lenders_);
    ended_ = true;
    last = count_at(place::held) == 0;
  }
  if (last) delete this;
}

void uring_buffers::move(slot& moved, place from, place to) noexcept {
  if (moved.at != from) [[unlikely]]
    misused("buffer %td is %s, where one that is %s was expected", &moved - slots_.get(),
            words[static_cast<std::size_t>(moved.at)], words[static_cast<std::size_t>(from)]);
  moved.at = to;
  --count_at(from);
  ++count_at(to);
}

std::uint32_t uring_buffers::take() noexcept {
  const std::scoped_lock lock(mutex_);
  const std::uint32_t index = free_;
  if (index == none) {
    ++exhausted_;
    return none;
  }
  move(slots_[index], place::free, place::held);
  free_ = slots_[index].next;
  ++gets_;
  unpoison(memory_of(index).data(), bytes_);
  return index;
}

// Of one that is held.
void uring_buffers::free_now(std::uint32_t index) noexcept {
  move(slots_[index], place::held, place::free);
  slots_[index].lender = nullptr;
  slots_[index].next = free_;
  free_ = index;
  poison(memory_of(index).data(), bytes_);
}

void uring_buffers::put(std::uint32_t index) noexcept {
  bool last = false;
  {
    const std::scoped_lock lock(mutex_);
    free_now(index);
    last = ended_ && count_at(place::held) == 0;
  }
  if (last) delete this;
}

std::uint64_t uring_buffers::begin(std::uint32_t index, std::uint64_t tag) noexcept {
  const std::scoped_lock lock(mutex_);
  slot& own = slots_[index];
  move(own, place::held, place::in_flight);
  own.tag = tag;
  return number_ << 48 | std::uint64_t{++own.generation} << 16 | index;
}

std::uint32_t uring_buffers::complete(std::uint64_t operation, bool more, std::uint64_t& tag) noexcept {
  const auto index = static_cast<std::uint32_t>(operation & 0xffff);
  const std::scoped_lock lock(mutex_);
  if (!is_number(operation) || index >= count_) [[unlikely]]
    misused("completion of what is no operation of this pool (user_data %#llx)",
            static_cast<unsigned long long>(operation));
  slot& own = slots_[index];
  if (own.at != place::in_flight || own.generation != static_cast<std::uint32_t>(operation >> 16)) [[unlikely]]
    misused("operation %#llx on buffer %u completed twice, or never begun; the buffer is %s now",
            static_cast<unsigned long long>(operation), index, words[static_cast<std::size_t>(own.at)]);
  tag = own.tag;
  if (more) return none;
  move(own, place::in_flight, place::held);
  return index;
}

bool uring_buffers::lend_to(const void* lender, std::span<std::uint32_t> indices) noexcept {
  const std::scoped_lock lock(mutex_);
  if (count_at(place::free) < indices.size()) {
    ++exhausted_;
    return false;
  }
  ++lenders_;
  for (std::uint32_t& index : indices) {
    index = free_;
    free_ = slots_[index].next;
    slots_[index].lender = lender;
    move(slots_[index], place::free, place::lent);
  }
  return true;
}

void uring_buffers::lender_ends(std::span<const std::uint32_t> indices) noexcept {
  const std::scoped_lock lock(mutex_);
  --lenders_;
  for (const std::uint32_t index : indices) {
    if (slots_[index].at != place::lent) continue;  // an arrival has it
    move(slots_[index], place::lent, place::held);
    free_now(index);
  }
}

void uring_buffers::lend(const void* lender, std::uint32_t index) noexcept {
  const std::scoped_lock lock(mutex_);
  if (slots_[index].lender != lender) [[unlikely]]
    misused("buffer %u is put into another ring than it came from", index);
  move(slots_[index], place::held, place::lent);
  poison(memory_of(index).data(), bytes_);
}

void uring_buffers::hold_lent(const void* lender, std::uint32_t index) noexcept {
  const std::scoped_lock lock(mutex_);
  if (index >= count_ || slots_[index].lender != lender) [[unlikely]]
    misused("completion with buffer %u, which is not of this ring", index);
  if (slots_[index].at != place::lent) [[unlikely]]
    misused("buffer %u taken twice by one completion; it is %s now", index,
            words[static_cast<std::size_t>(slots_[index].at)]);
  move(slots_[index], place::lent, place::held);
  unpoison(memory_of(index).data(), bytes_);
}

uring_pool_statistics uring_buffers::statistics() const {
  const std::scoped_lock lock(mutex_);
  const auto at = [this](place which) { return counts_[static_cast<std::size_t>(which)]; };
  return {.name = name_,
          .total = count_,
          .free = at(place::free),
          .held = at(place::held),
          .in_flight = at(place::in_flight),
          .lent = at(place::lent),
          .gets = gets_,
          .exhausted = exhausted_,
          .bytes_each = bytes_,
          .registered = ring.load(std::memory_order_relaxed) != nullptr};
}

void uring_buffers::misused_as(const char* said) const noexcept {
  char line[320];
  std::snprintf(line, sizeof line, "uring pool \"%.40s\": %s", name_.c_str(), said);
  fatal(line);
}

}  // namespace cistern::inline v0::detail
