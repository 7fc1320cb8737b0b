// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/bounded_handle.hpp>
#include <cistern/pools/bounded_pool_options.hpp>
#include <cistern/pools/bounded_pool_statistics.hpp>
#include <cistern/pools/detail/bounded_store.hpp>
#include <cistern/pools/object_pool.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

/// A pool with a fixed number of items, for when the number matters: the role of bpool's pools of buffers, and of a
/// channel of Go that serves as a free list.
///
/// Use it where idle memory must have an exact bound, or where there may be only so many of a thing at a time and the
/// next who wants one has to wait. Without such a number object_pool is faster (2 ns for a get and a put, here 7) and
/// has no limit to find out. text_pool, sized_text_pool and fixed_block_pool are ready-made ones for bytes.
///
/// bound (in the options) says what the number bounds: never more than so many are kept, or never more than so many
/// are. Both hold at each moment. An item that is kept anywhere is found before one is made or a get waits, and room
/// anywhere before an item is dropped or a put waits. Those who wait are served in the order in which they came; a get
/// that comes later does not overtake them.
///
/// Differences from bpool: a get hands out what this thread put last, where bpool hands out what has idled longest; no
/// lock while each thread gets and puts its own; hooks (see no_hooks) make, reset, keep and drop items; idle items age
/// by the clock, so that the number bounds the memory, and use decides; limits on everything, waits with deadlines,
/// numbers. A double put, a put into another bounded_pool and a stale handle end the program with a line that names the
/// pool and the type.
///
/// Items are constructed in blocks of their own. They do not move, and T need not be movable.
///
/// Threads: all functions from any, also in thread-local and static destructors and in the child of a fork, where those
/// who wait are not. What happened before a put happens before what follows the get that hands the item out next.
/// Lifetime: the upstream outlives the pool and its items. When the pool ends, kept items are destroyed; those that are
/// out are reported (at_end) and destroyed as they are put, by handles that may outlive the pool and may be put while
/// its destructor runs. Hooks live as long as the last item.
///
/// Complexity: O(1), without a lock, where this thread's stripe has the item or the room; else a look at each stripe
/// (two for each hardware thread at most, each of four places at least). Threads that share a stripe pay for a mutex
/// (perf/pools/bounded_pool_bench.cpp). A get that makes, a put that drops, and all while somebody waits go through the
/// pool's one mutex.
/// Failure: get() throws what make throws, std::bad_alloc, pool_closed, pool_exhausted. Puts allocate nothing, but for
/// a thread's first use of such pools (without memory for that it does without).
///
/// Example: tests/examples/bounded_pool_example.cpp.
template <class T, class Hooks>
class bounded_pool {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>);
  using access = detail::bounded_access<T, Hooks>;
  using store = detail::bounded_store;

 public:
  using handle = bounded_handle<T, Hooks>;

  /// At least 1. Takes memory for so many pointers at once. Throws std::invalid_argument that says which option is
  /// wrong, and std::bad_alloc.
  explicit bounded_pool(std::size_t limit, const bounded_pool_options& options = {})
      : bounded_pool(limit, Hooks{}, options) {}
  // A template, so that braces which may mean either mean the options.
  template <class Given = Hooks>
  requires std::same_as<Given, Hooks> bounded_pool(std::size_t limit, Given hooks,
                                                   const bounded_pool_options& options = {}) {
    auto owned = std::make_unique<Hooks>(std::move(hooks));
    store_ = &store::make(limit, options,
                          {.name = detail::type_name<T>(),
                           .cell_bytes = access::object_at + sizeof(T),
                           .alignment = alignof(T),
                           .object_at = access::object_at,
                           .drop = access::rules::drop,
                           .free_hooks = [](void* gone) noexcept { delete static_cast<Hooks*>(gone); }},
                          owned.get());
    static_cast<void>(owned.release());
  }
  ~bounded_pool() { store_->end(); }
  bounded_pool(const bounded_pool&) = delete;
  bounded_pool& operator=(const bounded_pool&) = delete;

  /// A kept item, or a new one, as the bound allows; waits up to max_wait when all are out.
  [[gnu::always_inline]] handle get() {
    detail::bounded_item* item = store_->try_take();
    if (item != nullptr) [[likely]]
      store_->wake(*item);
    else
      item = get_slow(store_->usual_deadline());
    return taken(item);
  }
  /// The same, but waits until this moment.
  handle get_until(sync::clock::time_point deadline) {
    detail::bounded_item* const item = store_->try_take();
    if (item == nullptr) return taken(get_slow(deadline));
    store_->wake(*item);
    return taken(item);
  }
  handle get_for(std::chrono::nanoseconds time) { return get_until(deadline_after(time)); }
  /// As get(), but does not wait, and returns an empty handle when the pool is exhausted, closed, or without memory. It
  /// makes an item where get() would, unlike object_pool::try_get(). Throws what make throws.
  handle try_get() {
    detail::bounded_item* item = store_->try_take();
    if (item != nullptr) {
      store_->wake(*item);
      return taken(item);
    }
    const store::claim claim = store_->get_item(sync::clock::time_point::min());
    return claim.item != nullptr ? taken(filled(claim)) : handle();
  }

  // For those who cannot keep a handle.

  /// As get(), and release() has to follow.
  [[nodiscard]] T* acquire() { return get().detach(); }
  /// Puts an object of this pool that is out; nullptr is ignored. Passes on what hooks throw. Reads before the object,
  /// so it must be one that a bounded_pool made and has not destroyed.
  void release(T* object) {
    if (object == nullptr) return;
    detail::bounded_item* const item = checked(object);
    access::put(item, item->generation);
  }
  /// A handle for an object that was acquired or detached.
  handle adopt(T* object) noexcept {
    if (object == nullptr) return {};
    return {object, checked(object)->generation};
  }

  /// Makes items until `count` more are kept, and returns how many it made: fewer when the limit or the memory ends,
  /// none when the pool is closed. Throws what make throws; those made before it are kept.
  std::size_t warm(std::size_t count) {
    std::size_t made = 0;
    for (; made < count; ++made) {
      const store::claim room = store_->get_room();
      if (room.item == nullptr) break;
      make_in(room.item);
      store_->count_made(false);
      store_->keep(*room.item);
    }
    return made;
  }

  void clear() noexcept { store_->clear(); }  ///< destroys all that is kept
  /// Destroys all that is kept, and what is put from now on; a get throws pool_closed, also one that waits. Handles may
  /// be destroyed as before.
  void close() noexcept { store_->close(); }

  /// How many are idle, as of a moment ago. A few loads.
  std::size_t kept() const noexcept { return store_->kept(); }
  std::size_t limit() const noexcept { return store_->limit(); }
  bounded_pool_statistics statistics() const { return store_->numbers(); }
  std::string_view name() const noexcept { return store_->name(); }
  const Hooks& hooks() const noexcept { return access::rules::hooks(*store_); }

 private:
  // The handle is made by the caller, so that it need not lie in memory.
  [[gnu::noinline, gnu::cold]] detail::bounded_item* get_slow(sync::clock::time_point deadline) {
    const store::claim claim = store_->get_item(deadline);
    if (claim.item == nullptr) store_->refuse(claim.why);
    return filled(claim);
  }
  detail::bounded_item* filled(const store::claim& claim) {
    if (!claim.has_object) {
      make_in(claim.item);
      store_->count_made(true);
    }
    return claim.item;
  }
  [[gnu::always_inline]] handle taken(detail::bounded_item* item) {
    const std::uint32_t generation = access::take(*store_, item);
    return {access::object_of(item), generation};
  }
  void make_in(detail::bounded_item* item) {
    void* const at = reinterpret_cast<char*>(item) + access::object_at;
    try {
      if constexpr (requires(Hooks & hooks) { hooks.make(); })
        ::new (at) T(access::rules::hooks(*store_).make());
      else
        ::new (at) T();
    } catch (...) {
      store_->give_back_room(*item);
      throw;
    }
  }
  detail::bounded_item* checked(const T* object) const noexcept {
    detail::bounded_item* const item = access::item_of(object);
    if (detail::pool_checks && (item->owner != store_ || item->life != item->generation)) [[unlikely]]
      store::not_yours(*item, store_);
    return item;
  }

  store* store_ = nullptr;
};

}  // namespace cistern::inline v0
