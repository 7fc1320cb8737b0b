// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/biased_lock.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0 {

class epoch_domain;
class epoch_guard;
class epoch_hold;
class epoch_slot;
class retire_list;

namespace detail {
class epoch_state;
}

/// Frees a batch of retired objects. `context` is the retire_list's own.
using reclaim_function = void (*)(void* context, void** objects, std::size_t count) noexcept;

/// Frees one retired object.
using retired_deleter = void (*)(void* object, void* context) noexcept;

namespace detail {

/// The word that says where a thread or the domain stands: 48 bits of epoch, 16 bits of how often the thread is pinned.
/// The epoch wraps; only differences are looked at.
struct epoch_word {
  static constexpr std::uint64_t step = std::uint64_t{1} << 16;
  static constexpr std::uint64_t nest_mask = step - 1;
  static constexpr std::uint64_t grace = 2 * step;

  static constexpr bool pinned(std::uint64_t word) noexcept { return (word & nest_mask) != 0; }
  static constexpr std::uint64_t epoch_of(std::uint64_t word) noexcept { return word & ~nest_mask; }
  static constexpr bool expired(std::uint64_t tag, std::uint64_t now) noexcept { return now - tag >= grace; }
};

/// A batch of retired objects, in 512 bytes. Filled by its owner, then sealed: tagged with the epoch and never written
/// again until it is reclaimed.
struct epoch_bag {
  static constexpr std::size_t capacity = 59;
  static constexpr std::size_t most_bytes = std::size_t{1} << 20;  // what it holds; more is sealed with fewer objects

  epoch_bag* next;
  std::uint64_t tag;
  const retire_list* list;  // whose objects these are; nullptr: each with a deleter of its own
  std::size_t bytes;
  std::size_t count;
  void* entries[capacity];
};
static_assert(sizeof(epoch_bag) == 512);

/// The bag that one thread has open for one kind of object. Guarded by the slot's lock.
struct open_bag {
  epoch_bag* bag = nullptr;           // nullptr before the first object, and when there was no memory for the next one
  const retire_list* list = nullptr;  // nullptr for the generic bag
  open_bag* next = nullptr;           // the slot's other open bags
  epoch_slot* slot = nullptr;
};

/// What a hold keeps from being freed. Holds are never unmade, only used again.
struct hold_word {
  sync::atomic<const void*> object{nullptr};
  bool taken = false;         // guarded by the domain
  hold_word* next = nullptr;  // constant
};

/// Bags in the order in which they were sealed, which is the order of their tags.
struct bag_queue {
  epoch_bag* head = nullptr;
  epoch_bag* tail = nullptr;

  void push(epoch_bag* bag) noexcept {
    bag->next = nullptr;
    (head == nullptr ? head : tail->next) = bag;
    tail = bag;
  }
  void append(bag_queue& other) noexcept {
    if (other.head == nullptr) return;
    (head == nullptr ? head : tail->next) = other.head;
    tail = other.tail;
    other = {};
  }
  epoch_bag* pop() noexcept {
    epoch_bag* const bag = head;
    head = bag->next;
    if (head == nullptr) tail = nullptr;
    return bag;
  }
};

}  // namespace detail

/// One thread's place in one epoch domain. 128 bytes, so that neither a neighbour nor the adjacent-line prefetcher
/// shares its lines: on the first the thread says where it stands, on the second it keeps what it has retired.
class alignas(128) epoch_slot {
 public:
  /// Pins the thread: nothing that it can reach from now on is freed before the matching unpin(). Nests.
  /// Async-signal-safe: each step leaves a word that a handler may pin and unpin on.
  void pin() noexcept {
    const std::uint64_t word = state_.load(std::memory_order_relaxed);
    if (!detail::epoch_word::pinned(word))
      asymmetric_fence::store_then_light_fence(  // [a] before the reader's loads; pairs with the heavy fence [b]
          state_, epoch_->load(std::memory_order_acquire) | 1, light_);  // [c] pairs with [d]: the unlinks before it
    else
      pin_again(word);
  }
  void unpin() noexcept {
    // [e] pairs with [f]: the reader's last access happens before the free
    state_.store(state_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }
  bool pinned() const noexcept { return detail::epoch_word::pinned(state_.load(std::memory_order_relaxed)); }

  /// The pair for code that is known to pin nowhere else inside: one store each way.
  void pin_outermost() noexcept {
    asymmetric_fence::store_then_light_fence(state_, epoch_->load(std::memory_order_acquire) | 1, light_);  // [a], [c]
  }
  void unpin_outermost() noexcept { state_.store(0, std::memory_order_release); }  // [e]

  /// Moves a pin that is the only one forward to the present epoch; nothing when it is nested.
  void repin() noexcept {
    if ((state_.load(std::memory_order_relaxed) & detail::epoch_word::nest_mask) != 1) return;
    unpin_outermost();
    pin_outermost();
  }

  /// Puts an entry of `words...` into an open bag of this thread. False when the bag is full or absent: then the domain
  /// makes room (epoch_state::make_room).
  template <class... Words>
  bool try_retire(detail::open_bag& open, std::size_t bytes, Words... words) noexcept {
    lock_.lock(light_);
    detail::epoch_bag* const bag = open.bag;
    const bool room = bag != nullptr && bag->count + sizeof...(Words) <= detail::epoch_bag::capacity &&
                      bag->bytes < detail::epoch_bag::most_bytes;
    if (room) [[likely]] {
      ((bag->entries[bag->count++] = words), ...);
      bag->bytes += bytes;
    }
    lock_.unlock();
    return room;
  }

 private:
  void pin_again(std::uint64_t word) noexcept {
    if ((word & detail::epoch_word::nest_mask) == detail::epoch_word::nest_mask) [[unlikely]]
      detail::fatal("more than 65535 guards of one thread are alive in an epoch domain");
    state_.store(word + 1, std::memory_order_relaxed);
  }

  // Never the address of any words: so whoever asks for the owner's sees at once that a late slot is not like others.
  static const void* late_owner(const thread_words* words) noexcept { return reinterpret_cast<const char*>(words) + 1; }

  friend class detail::epoch_state;
  friend class epoch_domain;
  friend class epoch_guard;
  friend class epoch_hold;
  friend class retire_list;

  // Written by the owner, read by whoever advances.
  sync::atomic<std::uint64_t> state_{0};
  sync::atomic<std::uint32_t> thread_{0};  // the owner's kernel id; 0 for a free slot
  // Constant while the slot has an owner.
  bool light_ = false;
  bool late_ = false;            // taken for one use of a thread that has ended already
  bool stall_reported_ = false;  // as blocked_word_, below
  const sync::atomic<std::uint64_t>* epoch_ = nullptr;
  detail::epoch_state* domain_ = nullptr;
  const void* owner_ = nullptr;  // the owner's thread_words; of a late slot, late_owner() of them

  // Written by whoever advances, only while this pin is in its way.
  std::uint64_t blocked_word_ = 0;
  std::int64_t blocked_since_ = 0;  // nanoseconds of sync::now()

  // Guarded by lock_: the owner's, unless a visitor is inside.
  alignas(64) biased_lock lock_;
  std::uint32_t sealed_objects_ = 0;  // here and below since this thread last advanced
  std::size_t sealed_bytes_ = 0;
  detail::bag_queue limbo_;
  detail::open_bag* open_ = nullptr;  // this thread's open bags, the generic one first
};

static_assert(sizeof(epoch_slot) == 128);

}  // namespace cistern::inline v0
