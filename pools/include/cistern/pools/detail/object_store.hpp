// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/detail/block_pool.hpp>
#include <cistern/pools/object_pool_options.hpp>
#include <cistern/pools/object_pool_statistics.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cistern::inline v0::detail {

/// What lies before an object: the words by which a block_pool knows an idle block, and what the object_pool knows.
struct object_cell {
  std::uint64_t mark;        // an idle word while idle
  std::uint64_t life;        // the same; while out: the generation, and in the high half the owners of a shared one
  std::uint32_t generation;  // odd, and another at each get
  std::uint16_t put_at;      // the tick of the last put
  std::uint8_t strikes;      // for rules that keep: puts in a row at which it was too large
};

/// What a store must know of the objects in it.
struct object_type {
  std::string_view name;
  std::size_t cell_bytes;
  std::size_t alignment;
  std::size_t object_at;                             // in a cell
  void (*drop)(void* object, void* hooks) noexcept;  // the hook, then the destructor
  void (*free_hooks)(void* hooks) noexcept;
};

/// The mechanism under object_pool: a block_pool of one class. In magazines and in the depot its blocks hold objects
/// that stay constructed, in spans they hold none. So what leaves a magazine for a span is destroyed on the way, with
/// no lock held.
///
/// This is the face of it, with what is inline; the rest is pool_state, in src/pool_objects.cpp.
class object_store : public block_pool {
 public:
  /// Throws as object_pool's constructor; then the hooks are still the caller's.
  CISTERN_EXPORT static object_store& make(const object_pool_options& options, const object_type& type, void* hooks);
  CISTERN_EXPORT void end() noexcept;

  /// An idle object's cell, if one lies ready. It is marked as idle still: wake() has to follow.
  [[gnu::always_inline]] object_cell* try_take() noexcept { return static_cast<object_cell*>(try_pop(0)); }
  /// Of a cell from try_take().
  [[gnu::always_inline]] void wake(object_cell& cell) const noexcept {
    unpoison(&cell, stride_[0]);
    if constexpr (pool_checks)
      if (cell.mark != idle_word(&cell) || cell.life != idle_word(&cell)) [[unlikely]]
        written_after_put(cell);
  }
  /// Keeps an object that is out, for the next get.
  [[gnu::always_inline]] void keep(object_cell& cell) noexcept {
    cell.put_at = now();
    cell.mark = cell.life = idle_word(&cell);
    poison(&cell, stride_[0]);
    put_laid_down(&cell, 0);
  }

  /// The same, from this thread's magazines, from the depot or from other threads. nullptr: there is none.
  CISTERN_EXPORT object_cell* find_idle() noexcept;

  enum class refusal : std::uint8_t { none, closed, exhausted, no_memory };
  struct claim {
    object_cell* cell;
    bool has_object;  // else it is to be made
    refusal why;
  };
  /// An idle object, or room for one that the caller makes; waits until the deadline when max_total are out.
  CISTERN_EXPORT claim get_cell(sync::clock::time_point deadline) noexcept;
  CISTERN_EXPORT sync::clock::time_point usual_deadline() const noexcept;
  /// Room for one that the caller makes, though others are idle.
  CISTERN_EXPORT claim get_room() noexcept;
  CISTERN_EXPORT void count_made(bool by_get) noexcept;
  /// The object could not be made.
  CISTERN_EXPORT void give_back_room(object_cell& cell) noexcept;
  enum class reason : std::uint8_t { wanted, refused, failed };
  /// Destroys an object that was out.
  CISTERN_EXPORT void drop(object_cell& cell, reason why) noexcept;
  [[noreturn]] CISTERN_EXPORT void refuse(refusal why) const;

  CISTERN_EXPORT void clear() noexcept;
  CISTERN_EXPORT void trim() noexcept;
  CISTERN_EXPORT void close() noexcept;
  CISTERN_EXPORT object_pool_statistics object_statistics();
  CISTERN_EXPORT std::string_view name() const noexcept;

  [[noreturn]] CISTERN_EXPORT void written_after_put(const object_cell& cell) const noexcept;
  /// Ends the program unless the cell is one of this store.
  CISTERN_EXPORT void check_put(const object_cell* cell) const noexcept;
  /// Ends the program: the cell is not one that this caller may put.
  [[noreturn]] CISTERN_EXPORT void not_yours(const object_cell& cell) const noexcept;

  void* hooks() const noexcept { return hooks_; }
  std::uint16_t now() const noexcept { return now_.load(std::memory_order_relaxed); }
  bool records_sites() const noexcept { return sites_ != nullptr; }
  CISTERN_EXPORT void record_site(const object_cell& cell, const source_site& from);

 protected:
  object_store() = default;
  ~object_store() = default;

  class site_table;

  void* hooks_ = nullptr;
  site_table* sites_ = nullptr;
  sync::atomic<std::uint16_t> now_{0};  // ticks so far
};

}  // namespace cistern::inline v0::detail
