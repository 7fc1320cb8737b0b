// SPDX-License-Identifier: MIT
//
// Design: blocks with a header at their lower end, in two lists: a stack of those in use, and the spare ones. A block
// that is left comes to the front of the spare ones, so the next round enters the blocks in the order of the last one,
// and those that it does not need gather at the end, where they are given back.
//
// Invariants: I1 whenever mutex_ is free, also in the child of a fork, every block is in one of the lists, but for
// those that are on their way from or to the upstream; I2 mutex_ is never held over a call of the upstream or the
// clock; I3 what is not handed out is poisoned, but for the headers; I4 in_use_bytes_ and spare_bytes_ are the sums
// over the lists. All atomics are relaxed: written with mutex_ held, they are atomic for statistics() alone.
#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/fatal.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace cistern::inline v0 {

struct alignas(std::max_align_t) arena::block {
  block* next;
  std::size_t bytes;         // of the whole block, with this header
  std::byte* left_at;        // position_ when the next block was entered
  std::uint64_t idle_since;  // of a spare one: the clock's ticks

  std::byte* begin() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  std::byte* end() noexcept { return reinterpret_cast<std::byte*>(this) + bytes; }

  // Whether a mark may be there: at what was handed out last, somewhere above, or at the end.
  bool has_handed_out(const std::byte* position) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(position);
    return address >= reinterpret_cast<std::uintptr_t>(left_at) &&
           address <= reinterpret_cast<std::uintptr_t>(this) + bytes;
  }
};

namespace {

constexpr std::size_t most_bytes = std::numeric_limits<std::ptrdiff_t>::max();
// A spare block is given back at the second tick: only then has it been idle for a whole period.
constexpr std::uint64_t whole_period = 2, no_patience = 0;

const arena_options& checked(const arena_options& options) {
  const auto say = [](const char* what, std::size_t bytes, const std::string& instead) {
    throw std::invalid_argument(std::string("arena_options: ") + what + " is " + std::to_string(bytes) +
                                " bytes, but must be " + instead);
  };
  if (options.max_block == 0 || options.max_block > most_bytes)
    say("max_block", options.max_block, "1 to " + std::to_string(most_bytes));
  if (options.first_block == 0 || options.first_block > options.max_block)
    say("first_block", options.first_block, "1 to max_block, which is " + std::to_string(options.max_block));
  return options;
}

std::size_t load(const sync::atomic<std::size_t>& number) noexcept { return number.load(std::memory_order_relaxed); }
void store(sync::atomic<std::size_t>& number, std::size_t value) noexcept {
  number.store(value, std::memory_order_relaxed);
}

}  // namespace

arena::arena(const arena_options& options)
    : first_bytes_(checked(options).first_block),
      max_bytes_(options.max_block),
      upstream_(options.upstream != nullptr ? options.upstream : &default_backend()),
      clock_(options.clock) {}

arena::~arena() {
  if (has_clock_) clock_->remove(*this);
  give_back(used_);
  give_back(spare_);
}

void arena::give_back(block* list) noexcept {
  while (list != nullptr) {
    block* const each = std::exchange(list, list->next);
    detail::unpoison(each, each->bytes);
    upstream_->deallocate(each, each->bytes, alignof(block));
  }
}

void* arena::allocate_slow(std::size_t bytes, std::size_t alignment) {
  if (!std::has_single_bit(alignment)) throw std::invalid_argument("arena: an alignment is a power of two");
  if (alignment > most_bytes - sizeof(block) || bytes > most_bytes - sizeof(block) - alignment) throw std::bad_alloc();
  const std::size_t least = sizeof(block) + bytes + (alignment - 1);
  const std::size_t wanted = std::max(least, used_ == nullptr ? first_bytes_ : std::min(2 * used_->bytes, max_bytes_));
  // A spare block that is much larger than what would be allocated is left to those who need it, and to age.
  if (!enter_spare(least, 2 * wanted)) {
    void* fresh = nullptr;
    try {
      fresh = upstream_->allocate(wanted, alignof(block));
    } catch (...) {
      if (!enter_spare(least, most_bytes)) throw;
    }
    if (fresh != nullptr) {
      detail::poison(static_cast<std::byte*>(fresh) + sizeof(block), wanted - sizeof(block));
      const std::scoped_lock lock(mutex_);
      enter(new (fresh) block{.next = nullptr, .bytes = wanted, .left_at = nullptr, .idle_since = 0});
    }
  }
  return allocate(bytes, alignment);
}

bool arena::enter_spare(std::size_t least, std::size_t most) noexcept {
  const std::scoped_lock lock(mutex_);
  for (block** place = &spare_; *place != nullptr; place = &(*place)->next) {
    block* const each = *place;
    if (each->bytes < least || each->bytes > most) continue;
    *place = each->next;
    store(spare_bytes_, load(spare_bytes_) - each->bytes);
    enter(each);
    return true;
  }
  return false;
}

// With mutex_ held, as the functions below unless they say otherwise.
void arena::enter(block* entered) noexcept {
  if (used_ != nullptr) used_->left_at = position_;
  entered->next = used_;
  used_ = entered;
  begin_ = entered->begin();
  position_ = end_ = entered->end();
  store(in_use_bytes_, load(in_use_bytes_) + entered->bytes);
  round_peak_ = std::max(round_peak_, load(in_use_bytes_));
  store(peak_bytes_, std::max(load(peak_bytes_), round_peak_));
  active_ = true;
}

void arena::leave_block() noexcept {
  block* const left = used_;
  used_ = left->next;
  begin_ = used_ != nullptr ? used_->begin() : nullptr;
  position_ = used_ != nullptr ? used_->left_at : nullptr;
  end_ = used_ != nullptr ? used_->end() : nullptr;
  store(in_use_bytes_, load(in_use_bytes_) - left->bytes);
  detail::poison(left->begin(), static_cast<std::size_t>(left->end() - left->begin()));
  left->idle_since = clock_ != nullptr ? clock_->ticks() : 0;
  left->next = spare_;
  spare_ = left;
  store(spare_bytes_, load(spare_bytes_) + left->bytes);
  active_ = true;
}

// Whether there is nothing to leave on the way to the beginning. A first block that was made for a large request goes.
bool arena::first_block_alone() const noexcept {
  return used_ == nullptr || (used_->next == nullptr && used_->bytes / 2 <= first_bytes_);
}

// Ends a round: leaves blocks until `target` is the one in use, or if that is nullptr until there is nothing to leave.
// Takes mutex_ itself.
void arena::go_back(const block* target) noexcept {
  block* given = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    while (target != nullptr ? used_ != target : !first_block_alone()) leave_block();
    const std::size_t justified = load(justified_bytes_);
    store(justified_bytes_, std::max(round_peak_, justified - justified / 8));
    round_peak_ = load(in_use_bytes_);
    if (clock_ == nullptr) given = take_superfluous(no_patience);
  }
  give_back(given);
  if (clock_ != nullptr) give_to_clock();
}

// Only now, so that an arena which is used once and destroyed has nothing to do with clocks. Without mutex_.
void arena::give_to_clock() noexcept {
  if (load(spare_bytes_) == 0) return;
  if (!has_clock_) {
    mutex_.hold_over_fork();
    clock_->add(*this);
    has_clock_ = true;
  }
  if (clock_ == &ageing_clock::process()) background_reclaimer::wake();
}

void arena::rewind_slow(std::byte* position) noexcept {
  if (position == nullptr) {
    if (!first_block_alone()) go_back(nullptr);
    return rewind_within_block(end_);
  }
  const block* target = used_;
  if (used_ != nullptr) used_->left_at = position_;
  while (target != nullptr && !target->has_handed_out(position)) target = target->next;
  if (target == nullptr) detail::fatal("arena: rewound to a mark that is no longer alive");
  go_back(target);
  rewind_within_block(position);
}

void arena::reset() noexcept {
  go_back(nullptr);
  rewind_within_block(end_);
}

void arena::trim() noexcept {
  block* given = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    given = take_all_spare();
  }
  give_back(given);
}

bool arena::age(age_level level) noexcept {
  block* given = nullptr;
  bool idle_left = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(active_, false))
      store(justified_bytes_, std::max(load(in_use_bytes_), load(justified_bytes_) / 2));
    given = level == age_level::pressure ? take_all_spare() : take_superfluous(whole_period);
    idle_left = spare_ != nullptr;
  }
  give_back(given);
  return idle_left;
}

// The list of those beyond what is justified that have been spare for so many ticks.
arena::block* arena::take_superfluous(std::uint64_t patience) noexcept {
  const std::uint64_t now = clock_ != nullptr ? clock_->ticks() : 0;
  std::size_t kept = load(in_use_bytes_);
  block* taken = nullptr;
  for (block** place = &spare_; *place != nullptr;) {
    block* const each = *place;
    const bool justified = kept + each->bytes / 2 < load(justified_bytes_);  // for the most part
    if (justified || now - each->idle_since < patience) {
      kept += each->bytes;
      place = &each->next;
      continue;
    }
    *place = each->next;
    store(spare_bytes_, load(spare_bytes_) - each->bytes);
    each->next = taken;
    taken = each;
  }
  return taken;
}

arena::block* arena::take_all_spare() noexcept {
  store(spare_bytes_, 0);
  return std::exchange(spare_, nullptr);
}

std::size_t arena::used_bytes() const noexcept {
  std::size_t sum = 0;
  for (block* each = used_; each != nullptr; each = each->next)
    sum += static_cast<std::size_t>(each->end() - (each == used_ ? position_ : each->left_at));
  return sum;
}

arena_statistics arena::statistics() const noexcept {
  return {.in_use_bytes = load(in_use_bytes_),
          .spare_bytes = load(spare_bytes_),
          .justified_bytes = load(justified_bytes_),
          .peak_bytes = load(peak_bytes_)};
}

}  // namespace cistern::inline v0
