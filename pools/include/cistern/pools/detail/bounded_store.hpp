// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/poison.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/bounded_pool_options.hpp>
#include <cistern/pools/bounded_pool_statistics.hpp>
#include <cistern/pools/detail/block_pool.hpp>
#include <cistern/pools/detail/bounded_stripe.hpp>
#include <cistern/pools/detail/object_store.hpp>
#include <cistern/pools/detail/thread_seat.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cistern::inline v0::detail {

class bounded_store;

/// What lies before an object of a bounded_pool, in a block of its own from the upstream.
struct bounded_item {
  bounded_store* owner;
  bounded_item* next;        // of those that are on their way to be destroyed
  std::uint32_t generation;  // odd, and another at each get
  std::uint8_t strikes;      // for rules that keep: puts in a row at which it was too large
  bool is_extra;             // destroyed when it is put
  std::uint64_t life;        // the generation while it is out, else the idle word

  /// Never a generation.
  std::uint64_t idle_word() const noexcept { return ~std::uint64_t{reinterpret_cast<std::uintptr_t>(this)}; }
};

/// The mechanism under bounded_pool: at most n kept items, in stripes.
///
/// This is the face of it, with what is inline; the rest is bounded_state, in src. A thread's own stripe is the one
/// that the number of its seat names.
class bounded_store {
 public:
  /// Throws as bounded_pool's constructor; then the hooks are still the caller's.
  CISTERN_EXPORT static bounded_store& make(std::size_t limit, const bounded_pool_options& options,
                                            const object_type& type, void* hooks);
  CISTERN_EXPORT void end() noexcept;

  /// A kept item that lies ready. It is marked as idle still: wake() has to follow.
  [[gnu::always_inline]] bounded_item* try_take() noexcept {
    thread_seat* const seat = thread_seat::mine();
    if (seat == nullptr) [[unlikely]]
      return nullptr;
    bounded_stripe& own = stripe_of(*seat);
    if (!own.is_biased_to(seat) || !own.enter(*seat)) [[unlikely]]
      return nullptr;
    bounded_item* const item = own.pop();
    bounded_stripe::leave(*seat);
    return item;
  }
  [[gnu::always_inline]] void wake(bounded_item& item) const noexcept {
    unpoison(object_of(item), object_bytes_);
    if (pool_checks && item.life != item.idle_word()) [[unlikely]]
      written_after_put(item);
  }
  /// Keeps an item that is out, or destroys it, as the options say. The item is another's, and the store may be gone,
  /// when this returns.
  [[gnu::always_inline]] void keep(bounded_item& item) noexcept {
    item.life = item.idle_word();
    poison(object_of(item), object_bytes_);
    thread_seat* const seat = thread_seat::mine();
    if (seat == nullptr || item.is_extra) [[unlikely]]
      return keep_slow(item);
    bounded_stripe& own = stripe_of(*seat);
    if (!own.is_biased_to(seat) || !own.enter(*seat)) [[unlikely]]
      return keep_slow(item);
    const bool kept = own.push(&item);
    bounded_stripe::leave(*seat);
    if (!kept) [[unlikely]]
      keep_slow(item);
  }

  using refusal = object_store::refusal;
  using reason = object_store::reason;
  struct claim {
    bounded_item* item;
    bool has_object;  // else it is to be made
    refusal why;
  };
  /// A kept item, or room for one that the caller makes; waits until the deadline when all are out.
  CISTERN_EXPORT claim get_item(sync::clock::time_point deadline) noexcept;
  CISTERN_EXPORT sync::clock::time_point usual_deadline() const noexcept;
  /// Room for one that the caller makes to be kept.
  CISTERN_EXPORT claim get_room() noexcept;
  CISTERN_EXPORT void count_made(bool by_get) noexcept;
  /// The object could not be made.
  CISTERN_EXPORT void give_back_room(bounded_item& item) noexcept;
  /// Destroys an object that was out.
  CISTERN_EXPORT void drop(bounded_item& item, reason why) noexcept;
  [[noreturn]] CISTERN_EXPORT void refuse(refusal why) const;

  CISTERN_EXPORT void clear() noexcept;
  CISTERN_EXPORT void close() noexcept;
  CISTERN_EXPORT std::size_t kept() const noexcept;
  CISTERN_EXPORT bounded_pool_statistics numbers() noexcept;

  /// Ends the program: the item is not one that this caller may put, or not into this pool.
  [[noreturn]] CISTERN_EXPORT static void not_yours(const bounded_item& item,
                                                    const bounded_store* into = nullptr) noexcept;
  [[noreturn]] CISTERN_EXPORT void written_after_put(const bounded_item& item) const noexcept;

  void* hooks() const noexcept { return hooks_; }
  std::string_view name() const noexcept { return name_; }
  std::size_t limit() const noexcept { return limit_; }

 protected:
  bounded_store() = default;
  ~bounded_store() = default;

  CISTERN_EXPORT void keep_slow(bounded_item& item) noexcept;

  bounded_stripe& stripe_of(const thread_seat& seat) const noexcept { return stripes_[seat.number & mask_]; }
  void* object_of(const bounded_item& item) const noexcept {
    return const_cast<char*>(reinterpret_cast<const char*>(&item)) + object_at_;
  }

  // Constant after construction.
  bounded_stripe* stripes_ = nullptr;
  std::size_t mask_ = 0;  // there are mask_ + 1, a power of two
  std::size_t object_at_ = 0, object_bytes_ = 0;
  void* hooks_ = nullptr;
  std::size_t limit_ = 0;
  char name_[32] = {};
};

}  // namespace cistern::inline v0::detail
