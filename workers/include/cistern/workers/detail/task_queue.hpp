// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/task.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory_resource>
#include <optional>
#include <utility>

namespace cistern::inline v0::detail {

/// The queue by which tasks come into a worker pool from outside: many producers, many consumers, first in first out,
/// without a bound.
///
/// A ring of chunks of cells. A producer takes a cell of the last chunk by a ticket, fills it in place and publishes it
/// by its pointer to operations, which is the cell's flag: null means that there is nothing in it. A consumer claims
/// the first chunk's next cell by a compare-and-swap, takes the task out and empties the cell. So one cache line moves
/// for each task beside the two counters, and cells are used again while they are warm. Chunks that were not needed
/// for a while go back to the upstream by trim().
///
/// Progress: a consumer that is stopped anywhere in pop(), for ever, keeps its chunk (and the task that it has
/// claimed), and holds up nobody, unless it is within the mutex. Tasks come out in the order of tickets: a producer
/// that is stopped between its ticket and publishing keeps those behind it from being seen until it goes on.
///
/// Threads: all functions from any. Lifetime: destroyed when nobody uses it; tasks that are left are dropped.
/// Happens-before: what came before a push() happens before what follows the pop() of that task. Failure: push() and
/// pop() throw std::bad_alloc when a thread that has never used the epoch domain finds no memory for its place there;
/// nothing has happened then. Complexity: O(1); one read-modify-write each way, a mutex once in a chunk
/// (perf/workers/task_queue_bench.cpp).
class CISTERN_EXPORT task_queue {
  struct chunk;

 public:
  enum class outcome : std::uint8_t { accepted, closed, no_memory };

  /// Who takes tasks out, one thread at a time: says which chunk it is just taking one out of, so that this is not used
  /// again meanwhile. A mutex and, at its end, a walk over the consumers. The queue outlives it.
  class CISTERN_EXPORT consumer {
   public:
    explicit consumer(task_queue& of) noexcept;
    ~consumer();
    consumer(const consumer&) = delete;
    consumer& operator=(const consumer&) = delete;

   private:
    friend task_queue;
    task_queue& of_;
    sync::atomic<const chunk*> within_{nullptr};
    consumer* next_;  // guarded by of_.mutex_
  };

  /// Throws std::bad_alloc. The upstream outlives the queue, and must be thread-safe. When what comes from it are pages
  /// fresh from the system, which are zero, that spares writing them once.
  explicit task_queue(std::pmr::memory_resource& upstream, bool gives_fresh_pages = false);
  ~task_queue();
  task_queue(const task_queue&) = delete;
  task_queue& operator=(const task_queue&) = delete;

  /// Fills the next cell by filler.fill(). What is not accepted has not been touched. Passes on what filling throws;
  /// then an empty task takes the place, which is accepted as any other.
  template <class Filler>
  outcome push(Filler& filler) {
    const epoch_guard guard;
    return push(filler, guard);
  }
  /// The same by a thread that is in a region of the default domain already.
  template <class Filler>
  outcome push(Filler& filler, const epoch_guard& /*region*/) {
    for (;;) {
      chunk* const last = last_.load(std::memory_order_acquire);                           // [c] pairs with [d]
      const std::uint64_t ticket = last->tickets.fetch_add(1, std::memory_order_acquire);  // [j] pairs with [i]
      if ((ticket & index_mask) >= chunk_cells) [[unlikely]] {
        if (const outcome ended = add_chunk(last); ended != outcome::accepted) return ended;
        continue;
      }
      cell& place = last->cells[ticket & index_mask];
      // It is: see I3. Looked at all the same, because that is faster than to begin with a store (see worker_pool.md).
      if (place.flag.load(std::memory_order_relaxed) != empty) [[unlikely]]
        not_empty();
      if constexpr (Filler::is_nothrow)
        place.flag.store(filler.fill(place.body), std::memory_order_release);  // [a] pairs with [b]
      else
        fill_or_leave_hollow(filler, place);
      return outcome::accepted;
    }
  }

  /// The oldest task, if there is one.
  [[nodiscard]] bool pop(task& into, consumer& by) {
    const epoch_guard guard;
    for (unsigned pauses = first_pauses;; pauses = std::min(2 * pauses, most_pauses)) {
      chunk* const first = first_.load(std::memory_order_acquire);           // [c] pairs with [d]
      std::uint64_t claims = first->claims.load(std::memory_order_acquire);  // [g] pairs with [h]
      // Left behind and in use again since it was read? The older tasks are elsewhere then.
      if (first_.load(std::memory_order_relaxed) != first) [[unlikely]]
        continue;
      const std::uint64_t index = claims & index_mask;
      if (index == chunk_cells) [[unlikely]] {
        if (!next_chunk(first)) return false;
        continue;
      }
      cell& place = first->cells[index];
      const task_operations* const flag = place.flag.load(std::memory_order_acquire);  // [b] pairs with [a]
      if (flag == empty) {
        if (first->claims.load(std::memory_order_relaxed) != claims) continue;
        return false;
      }
      // [f] pairs with [e]: it has left the chunk before. And it comes before [h].
      by.within_.store(first, std::memory_order_release);
      // [h] pairs with [g]: what is read of the cell after a claim is not read before the one before it
      if (!first->claims.compare_exchange_strong(claims, claims + 1, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed)) {
        by.within_.store(nullptr, std::memory_order_release);  // [f] pairs with [e]
        // Another one was faster. Where tasks are so short that this happens, that one is faster still if left alone.
        for (unsigned i = 0; i < pauses; ++i) sync::spin_pause();
        continue;
      }
      into.take(flag, place.body);
      place.flag.store(empty, std::memory_order_relaxed);    // for the next lap, by [f]
      by.within_.store(nullptr, std::memory_order_release);  // [f] pairs with [e]
      return true;
    }
  }
  /// The same by who seldom does: twice a mutex.
  [[nodiscard]] bool pop(task& into) {
    consumer once(*this);
    return pop(into, once);
  }

  /// False when there is a task to pop, and when there is no memory to look; true when there was none a moment ago.
  bool looks_empty() const noexcept {
    const std::optional<epoch_guard> guard = try_guard();
    if (!guard) return false;
    for (;;) {
      const chunk* const first = first_.load(std::memory_order_acquire);           // [c] pairs with [d]
      const std::uint64_t claims = first->claims.load(std::memory_order_acquire);  // [g] pairs with [h]
      if (first_.load(std::memory_order_relaxed) != first) [[unlikely]]            // as in pop()
        continue;
      const std::uint64_t index = claims & index_mask;
      const bool is_empty = index == chunk_cells ? first == last_.load(std::memory_order_acquire)
                                                 : first->cells[index].flag.load(std::memory_order_acquire) == empty;
      if (!is_empty) return false;
      if (first->claims.load(std::memory_order_relaxed) == claims) return true;  // else it was taken, and others follow
    }
  }

  /// Lets push() refuse from now on, and again accept. The tasks that were accepted before a close() are all in the
  /// queue or will be in a moment, and how many there ever were is pushed().
  void close() noexcept;
  void open() noexcept;

  std::uint64_t pushed() const noexcept;    ///< tasks accepted so far, also by those that are just filling their cells
  std::uint64_t popped() const noexcept;    ///< tasks taken out so far
  std::size_t size() const noexcept;        ///< that are waiting. A mutex and some loads
  std::size_t high_water() const noexcept;  ///< the largest size() that was seen: in size(), trim(), and each new chunk
  std::size_t chunk_count() const noexcept;
  static constexpr std::size_t chunk_bytes() noexcept { return sizeof(chunk); }

  /// Gives those chunks back that nobody needed since the last call; from a tick. May wait a millisecond for readers.
  /// True when there are more than one left.
  bool trim() noexcept;

  // Around fork. In the child the queue is closed, since the threads are gone that may have been inside.
  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork(bool is_child) noexcept;

 private:
  static constexpr const task_operations* empty = nullptr;
  struct alignas(64) cell {
    sync::atomic<const task_operations*> flag{empty};
    task_body body;
  };
  static_assert(sizeof(cell) == 64);

  // With the first two members 64 KiB: chunks are few, and one costs an idle pool only the pages that it has touched.
  static constexpr std::uint64_t chunk_cells = 1020;
  static constexpr unsigned first_pauses = 4, most_pauses = 256;  // 3 us, where one takes 10 ns
  static constexpr unsigned most_looks = 1000;  // for a chunk to be left, where there is no memory for another one
  // Of tickets and claims: an index, and above it how often the chunk was used before.
  static constexpr std::uint64_t index_mask = 0xffffffff;
  static constexpr std::uint64_t one_lap = index_mask + 1;
  static constexpr std::uint64_t no_tickets = std::uint64_t{1} << 31;

  struct chunk {
    chunk() noexcept {}  // NOLINT(modernize-use-equals-default): without the cells, see make_chunk()
    ~chunk() {}          // NOLINT(modernize-use-equals-default)

    // Taken by producers: the number of cells taken, or more. More than there are in every chunk but the last one.
    alignas(128) sync::atomic<std::uint64_t> tickets{0};
    sync::atomic<chunk*> next{nullptr};  // written with mutex_ held
    std::uint64_t position = 0;          // of its first cell among all; written with mutex_ held
    // Taken by consumers: the number of cells claimed. A claim that was meant for an earlier lap fails.
    alignas(128) sync::atomic<std::uint64_t> claims{0};
    union {
      cell cells[chunk_cells];
    };
  };
  static_assert(chunk_cells < 1000 || sizeof(chunk) <= std::size_t{64} << 10);

  // What stands in a cell whose filling failed.
  static const task_operations hollow;
  template <class Filler>
  void fill_or_leave_hollow(Filler& filler, cell& place) {
    struct publishing {
      cell& place;
      const task_operations* operations = &hollow;
      ~publishing() { place.flag.store(operations, std::memory_order_release); }  // [a] pairs with [b]
    } publishes{place};
    publishes.operations = filler.fill(place.body);
  }

  static std::optional<epoch_guard> try_guard() noexcept {
    try {
      return std::optional<epoch_guard>(std::in_place);
    } catch (...) {
      return std::nullopt;
    }
  }

  [[gnu::cold]] outcome add_chunk(const chunk* full) noexcept;
  [[gnu::cold]] bool next_chunk(const chunk* spent) noexcept;
  [[gnu::cold, noreturn]] static void not_empty() noexcept;
  chunk* free_chunk_behind(chunk* last) const noexcept;
  bool is_left(const chunk* free) const noexcept;
  chunk* make_chunk(bool is_first) noexcept;
  void free_chunk(chunk* gone) noexcept;
  void close_locked() noexcept;
  std::uint64_t pushed_locked() const noexcept;
  std::uint64_t popped_locked() const noexcept;
  std::size_t size_locked() const noexcept;
  std::size_t free_chunks() const noexcept;
  void add_free(chunk* spent) noexcept;
  chunk* take_surplus(std::size_t surplus) noexcept;
  static bool wait_for_readers() noexcept;

  alignas(128) sync::atomic<chunk*> last_;   // written with mutex_ held
  alignas(128) sync::atomic<chunk*> first_;  // written with mutex_ held

  alignas(128) mutable mutex mutex_;
  // Guarded by mutex_.
  bool closed_ = false;
  std::uint64_t closed_at_ = 0;  // tickets of the last chunk, when it was closed
  std::size_t chunks_ = 1;       // in the ring
  mutable std::size_t high_water_ = 0;
  std::size_t unneeded_ = 0;  // the fewest that were free since the last trim()
  consumer* consumers_ = nullptr;
  std::pmr::memory_resource& upstream_;  // constant, as is the next one
  const bool gives_fresh_pages_;
};

}  // namespace cistern::inline v0::detail
