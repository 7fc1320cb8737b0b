// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/deadline.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/detail/object_store.hpp>
#include <cistern/pools/object_pool_options.hpp>
#include <cistern/pools/object_pool_statistics.hpp>
#include <cistern/pools/pooled.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

/// A get from a pool that is closed.
struct CISTERN_EXPORT pool_closed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A get from a pool all of whose objects are out, when it could wait no longer. The message says how many.
struct CISTERN_EXPORT pool_exhausted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Objects that stay constructed while nobody uses them: the role of Go's sync.Pool, and what that refuses.
///
/// Use it for what is dear to make or grows with use: parsers, encoders, buffers, contexts. Not for bytes
/// (bucket_pool), and not for connections that must be checked before use.
///
/// A get takes the object that this thread put last; then one of the depot that all threads share, then another
/// thread's, and makes one when there is none. Idle objects age by the clock, as object_pool_options::ageing says.
/// Objects do not move, and T need not be movable; it may be over-aligned, or an array of known size.
///
/// Differences from its model: hooks (see no_hooks) make, prepare, reset, keep and drop objects; limits, waiting,
/// warming up, closing, numbers; a double put, a put into another pool and a stale handle end the program with a line
/// that names the pool and the type.
///
/// Threads: all functions from any, also in thread-local and static destructors and in the child of a fork. What
/// happened before a put happens before what follows the get that hands the object out next. Lifetime: the upstream
/// outlives the pool and its objects. When the pool ends, idle objects are destroyed; objects that are out are reported
/// (at_end) and are destroyed as they are put, by handles that may outlive the pool, also while the destructor runs
/// (then the last of them perhaps at the next tick of ageing_clock::process(): see pool_options::upstream).
/// Hooks live as long as the last object.
///
/// Complexity: O(1); about 1 ns each way by handle where an object lies ready, without a lock
/// (perf/pools/object_pool_bench.cpp). A get that finds nothing of its own takes locks and, to steal from the magazine
/// that another thread works with, a heavy fence: about a microsecond, for half of what that holds.
/// Failure: get() throws what make throws, std::bad_alloc, pool_closed, pool_exhausted. Puts allocate nothing that they
/// need. Alignments above 64 KiB and objects of 1 GiB are refused.
///
/// Example: tests/examples/object_pool_example.cpp.
template <class T, class Hooks>
class object_pool {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_unbounded_array_v<T>);
  using access = detail::object_access<T, Hooks>;
  using store = detail::object_store;

 public:
  using handle = pooled<T, Hooks>;

  /// Throws std::invalid_argument that says which option is wrong, and std::bad_alloc.
  explicit object_pool(const object_pool_options& options = {}) : object_pool(Hooks{}, options) {}
  // A template, so that braces which may mean either mean the options.
  template <class Given = Hooks>
  requires std::same_as<Given, Hooks>
  explicit object_pool(Given hooks, const object_pool_options& options = {}) {
    auto owned = std::make_unique<Hooks>(std::move(hooks));
    store_ = &store::make(options,
                          {.name = detail::type_name<T>(),
                           .cell_bytes = access::object_at + sizeof(T),
                           .alignment = alignof(T),
                           .object_at = access::object_at,
                           .drop = access::drop,
                           .free_hooks = [](void* gone) noexcept { delete static_cast<Hooks*>(gone); }},
                          owned.get());
    static_cast<void>(owned.release());
  }
  ~object_pool() { store_->end(); }
  object_pool(const object_pool&) = delete;
  object_pool& operator=(const object_pool&) = delete;

  /// An idle object, or a new one; waits up to max_wait when max_total are out.
  [[gnu::always_inline]] handle get(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    detail::object_cell* cell = store_->try_take();
    if (cell != nullptr) [[likely]]
      store_->wake(*cell);
    else
      cell = get_slow(store_->usual_deadline(), {file, line});
    return taken(cell);
  }
  /// The same, but waits until this moment.
  handle get_until(sync::clock::time_point deadline, source_site from = source_site::current()) {
    return taken(get_slow(deadline, from));
  }
  handle get_for(std::chrono::nanoseconds time, source_site from = source_site::current()) {
    return taken(get_slow(deadline_after(time), from));
  }
  /// An idle object if there is one anywhere, else an empty handle; makes none, and does not wait.
  handle try_get(source_site from = source_site::current()) {
    detail::object_cell* cell = store_->try_take();
    if (cell != nullptr)
      store_->wake(*cell);
    else
      cell = store_->find_idle();
    if (cell == nullptr) return {};
    note(cell, from);
    return taken(cell);
  }

  // For those who cannot keep a handle.

  /// As get(), and release() has to follow.
  [[nodiscard, gnu::always_inline]] T* acquire(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return get(file, line).detach();
  }
  /// Puts an object of this pool that is out; nullptr is ignored. Passes on what hooks throw.
  void release(T* object) {
    if (object == nullptr) return;
    detail::object_cell* const cell = checked(object);
    access::put(*store_, cell, cell->generation);
  }
  /// Tells a put by who had it before from one by who has it now: see release(object, generation).
  static std::uint32_t generation_of(const T* object) noexcept { return access::cell_of(object)->generation; }
  /// The same; ends the program if the object has been put and taken again since it had this generation.
  void release(T* object, std::uint32_t generation) {
    if (object != nullptr) access::put(*store_, checked(object), generation);
  }
  /// A handle for an object that was acquired or detached.
  handle adopt(T* object) noexcept {
    if (object == nullptr) return {};
    return {object, *store_, checked(object)->generation};
  }

  /// Makes objects until `count` more are idle, and returns how many it made: fewer when max_total, max_idle or the
  /// memory ends, none when the pool is closed. Throws what make throws; those made before it are kept.
  std::size_t warm(std::size_t count) {
    std::size_t made = 0;
    for (; made < count; ++made) {
      const store::claim room = store_->get_room();
      if (room.cell == nullptr) break;
      make_in(room.cell);
      store_->count_made(false);
      store_->keep(*room.cell);
    }
    return made;
  }

  /// Destroys all that is idle. Where there is no memory for a magazine, some may stay until the next tick.
  void clear() noexcept { store_->clear(); }
  void trim() noexcept { store_->trim(); }  ///< the same, and gives the memory back
  /// Destroys all that is idle, and what is put from now on; a get throws pool_closed, also one that waits. Handles may
  /// be destroyed as before.
  void close() noexcept { store_->close(); }

  object_pool_statistics statistics() const { return store_->object_statistics(); }
  std::string_view name() const noexcept { return store_->name(); }
  const Hooks& hooks() const noexcept { return access::hooks(*store_); }

 private:
  // The handle is made by the caller, so that it need not lie in memory.
  [[gnu::noinline, gnu::cold]] detail::object_cell* get_slow(sync::clock::time_point deadline, source_site from) {
    const store::claim claim = store_->get_cell(deadline);
    if (claim.cell == nullptr) store_->refuse(claim.why);
    if (!claim.has_object) {
      make_in(claim.cell);
      store_->count_made(true);
    }
    note(claim.cell, from);
    return claim.cell;
  }
  [[gnu::always_inline]] handle taken(detail::object_cell* cell) {
    const std::uint32_t generation = access::take(*store_, cell);
    return {access::object_of(cell), *store_, generation};
  }
  void note(detail::object_cell* cell, source_site from) {
    if (!store_->records_sites()) [[likely]]
      return;
    try {
      store_->record_site(*cell, from);
    } catch (...) {
      cell->life = cell->generation;  // it may be marked as idle still
      store_->drop(*cell, store::reason::failed);
      throw;
    }
  }
  void make_in(detail::object_cell* cell) {
    void* const at = reinterpret_cast<char*>(cell) + access::object_at;
    try {
      if constexpr (requires(Hooks & hooks) { hooks.make(); })
        ::new (at) T(access::hooks(*store_).make());
      else if constexpr (std::is_array_v<T>)
        std::uninitialized_value_construct_n(static_cast<std::remove_all_extents_t<T>*>(at),
                                             sizeof(T) / sizeof(std::remove_all_extents_t<T>));
      else
        ::new (at) T();
    } catch (...) {
      store_->give_back_room(*cell);
      throw;
    }
  }
  detail::object_cell* checked(const T* object) const noexcept {
    detail::object_cell* const cell = access::cell_of(object);
    if (detail::pool_checks && !store_->is_first_unit_block(cell, 0)) [[unlikely]]
      store_->check_put(cell);
    if (detail::pool_checks && access::life_of(cell) == 0) [[unlikely]]  // fresh memory
      store_->not_yours(*cell);
    return cell;
  }

  store* store_ = nullptr;
};

}  // namespace cistern::inline v0
