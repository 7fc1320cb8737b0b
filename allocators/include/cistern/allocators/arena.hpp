// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/fork_mutex.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/poison.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace cistern::inline v0 {

struct arena_options {
  /// The first block, in bytes; each further one is twice as large, up to `max_block`. A page: what a small task needs.
  std::size_t first_block = std::size_t{4} << 10;

  /// Bytes. A request that does not fit in such a block gets one of its own.
  std::size_t max_block = std::size_t{1} << 20;

  /// Where blocks come from; nullptr: default_backend(). With a clock, blocks are given back on the thread that ticks.
  std::pmr::memory_resource* upstream = nullptr;

  /// By which clock spare blocks age; nullptr: by none, then those that are not justified go back at each reset().
  ageing_clock* clock = &ageing_clock::process();
};

/// In bytes of whole blocks.
struct arena_statistics {
  std::size_t in_use_bytes;     ///< in which something lies, and the first block
  std::size_t spare_bytes;      ///< kept for later
  std::size_t justified_bytes;  ///< what recent rounds say is worth keeping, of both together
  std::size_t peak_bytes;       ///< the most that was in use at once, since the arena was made
};

/// Memory that is handed out by moving a pointer, and taken back all at once.
///
/// Good for what lives and dies together: a request, a task, a frame, a parse. Not for objects that come and go singly:
/// deallocate() gives nothing back. The role model is std::pmr::monotonic_buffer_resource; the differences: marks to
/// rewind to, and blocks are kept, so that the next round allocates nothing. For one in each thread: thread_arenas.
///
/// What it keeps: a round ends with reset(), and with a rewind() that leaves a block. The blocks that it leaves become
/// spare. Justified are as many bytes as were in use at the round's peak, or 7/8 of what was justified before if that
/// is more; and half of it after each period of the clock in which no block was entered or left. Spare blocks that lie
/// for the most part beyond that go back to the upstream once they have been idle for a whole period (at the second
/// tick, then), and on memory pressure all of them, also while the owner sleeps. A first block of the size that the
/// options give stays. The process's clock is kept ticking by the background_reclaimer, which this starts.
///
/// Threads: one at a time uses it; its clock may be ticked by another meanwhile, and then frees to the upstream there.
/// Lifetime: upstream and clock outlive it; it frees all its blocks. Destructors of what lies in it are the user's to
/// run. Fork: the child goes on with the arenas of the thread that forked.
///
/// Failure: what the upstream throws, unless a spare block helps; nothing is lost or moved then. A rewind to a mark
/// that is no longer alive ends the program where it shows. Under AddressSanitizer all memory that is not handed out is
/// poisoned, and so is what was deallocated.
///
/// Cost: allocate() is a few additions, less than 1 ns; mark and rewind together 2 ns; a block that is entered and left
/// again 60 ns, under a mutex (perf/allocators/arena_bench.cpp). Through memory_resource* a virtual call more.
/// Example: tests/examples/arena_example.cpp.
class CISTERN_EXPORT arena final : public std::pmr::memory_resource, private ager {
  friend class thread_arenas;
  struct block;

 public:
  /// A place to rewind to. Alive until the arena is reset or rewound to an earlier one. A default one is the beginning.
  class mark_t {
    friend class arena;
    std::byte* position_ = nullptr;
  };

  /// Allocates nothing. Throws std::invalid_argument unless 0 < first_block <= max_block <= PTRDIFF_MAX, or when the
  /// default backend has a wrong name.
  explicit arena(const arena_options& options = {});
  ~arena() override;
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  /// `bytes` at a multiple of `alignment`, a power of two. Zero bytes have an address of their own too.
  [[nodiscard, gnu::returns_nonnull]] void* allocate(std::size_t bytes,
                                                     std::size_t alignment = alignof(std::max_align_t)) {
    const auto top = reinterpret_cast<std::uintptr_t>(position_), bottom = reinterpret_cast<std::uintptr_t>(begin_);
    bytes += bytes == 0 ? 1 : 0;
    // Downwards, so that aligning is one operation.
    const std::uintptr_t address = (top - bytes) & ~(static_cast<std::uintptr_t>(alignment) - 1);
    if (bytes > top - bottom || address < bottom) [[unlikely]]
      return allocate_slow(bytes, alignment);
    position_ -= top - address;
    detail::unpoison(position_, bytes);
    return position_;
  }

  /// Gives nothing back.
  void deallocate(void* address, std::size_t bytes, std::size_t = alignof(std::max_align_t)) noexcept {
    detail::poison(address, bytes);
  }

  [[nodiscard]] mark_t mark() const noexcept {
    mark_t here;
    here.position_ = position_;
    return here;
  }

  /// Takes back all that was allocated since the mark; marks that were taken since are dead, this one stays alive.
  ///
  /// A dead mark ends the program, in all builds, when it shows: nothing lies there, or its block is not in use. One
  /// whose place has been handed out again since is not noticed.
  void rewind(mark_t mark) noexcept {
    const auto target = reinterpret_cast<std::uintptr_t>(mark.position_);
    const auto position = reinterpret_cast<std::uintptr_t>(position_), end = reinterpret_cast<std::uintptr_t>(end_);
    if (target - position > end - position) [[unlikely]]
      return rewind_slow(mark.position_);
    rewind_within_block(mark.position_);
  }

  /// Takes everything back. All marks are dead but the default one.
  void reset() noexcept;

  /// Gives every spare block back at once, as memory pressure does.
  void trim() noexcept;

  /// Handed out and not taken back by rewind() or reset(), with what alignment lost. Walks the blocks.
  [[nodiscard]] std::size_t used_bytes() const noexcept;

  /// Any thread; each number is right by itself.
  [[nodiscard]] arena_statistics statistics() const noexcept;

  std::pmr::memory_resource* upstream_resource() const noexcept { return upstream_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override { return allocate(bytes, alignment); }
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override {
    deallocate(address, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  bool age(age_level level) noexcept override;

  void rewind_within_block(std::byte* position) noexcept {
    detail::poison(position_, static_cast<std::size_t>(position - position_));
    position_ = position;
  }

  [[gnu::returns_nonnull, gnu::cold]] void* allocate_slow(std::size_t bytes, std::size_t alignment);
  [[gnu::cold]] void rewind_slow(std::byte* position) noexcept;
  void enter(block* entered) noexcept;
  bool enter_spare(std::size_t least, std::size_t most) noexcept;
  void leave_block() noexcept;
  void go_back(const block* target) noexcept;
  bool first_block_alone() const noexcept;
  void give_to_clock() noexcept;
  block* take_superfluous(std::uint64_t patience) noexcept;
  block* take_all_spare() noexcept;
  void give_back(block* list) noexcept;

  // The user's thread alone: the ends of used_, and the room that is left lies between begin_ and position_.
  std::byte* begin_ = nullptr;
  std::byte* position_ = nullptr;
  std::byte* end_ = nullptr;

  // Changed by the user's thread with mutex_ held; it reads them without.
  block* used_ = nullptr;  // the block in use, and behind it those that are full
  sync::atomic<std::size_t> in_use_bytes_{0};

  // Guarded by mutex_. What is atomic can be read by all.
  mutable detail::fork_mutex mutex_;
  block* spare_ = nullptr;      // in the order of their next use
  std::size_t round_peak_ = 0;  // the most bytes in use since the last round ended
  bool active_ = false;         // a block was entered or left since the last tick
  sync::atomic<std::size_t> spare_bytes_{0};
  sync::atomic<std::size_t> justified_bytes_{0};
  sync::atomic<std::size_t> peak_bytes_{0};

  bool has_clock_ = false;  // the user's thread alone: it has been added to clock_

  // Constant.
  const std::size_t first_bytes_, max_bytes_;
  std::pmr::memory_resource* const upstream_;
  ageing_clock* const clock_;
};

}  // namespace cistern::inline v0
