// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/size_classes.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>

namespace cistern::inline v0 {

/// What a pool does when a limit is reached or the backend has no memory.
enum class when_full : std::uint8_t {
  fail,   ///< nothing: the caller gets nullptr, or std::bad_alloc
  evict,  ///< give back what is idle, in all threads, and try once more; then fail
  wait,   ///< the same, again and again until memory has come back or max_wait has passed; then fail
};

/// What a pool does when it ends while blocks of it are out.
enum class blocks_out : std::uint8_t {
  report,  ///< one line on standard error; the memory of spans with live blocks stays, and goes when the last is put
  abort,   ///< one line on standard error, and the end of the program
};

/// Four per doubling from 16 bytes to 256 KiB.
inline constexpr size_class_table default_pool_classes =
    four_per_doubling({.smallest = 16, .largest = std::size_t{256} << 10});

/// How a bucket_pool is made. Every field has a default.
struct pool_options {
  /// In messages and numbers, and in the list of pools when not empty. Copied; up to 31 bytes of UTF-8 without control
  /// characters.
  std::string_view name = {};

  /// Block sizes: four_per_doubling, powers_of_two or a size_class_table. Larger requests go to the upstream. Blocks
  /// are cut at multiples of `alignment`, so a class holds its size rounded up to that.
  size_class_table classes = default_pool_classes;

  /// What every block is aligned to: a power of two from 16 to 64 KiB. 64 for whole cache lines, 4096 for direct I/O.
  std::size_t alignment = 16;

  /// Where memory comes from, in chunks of 256 KiB to 2 MiB. nullptr: the backend that CISTERN_BACKEND names, else the
  /// one that the build names, if it names another than `system`; else `pages`, which gives memory back at once. It
  /// must outlive the pool and its blocks, be safe for threads, and not use the pool. Where puts run beside the pool's
  /// destructor, the last of what they put may come back only as ageing_clock::process() ticks after they have
  /// returned: an upstream that is to go then goes after such a tick.
  std::pmr::memory_resource* upstream = nullptr;

  /// The most that the pool takes from its upstream, in bytes: for live blocks, idle ones and bookkeeping (about 100
  /// KiB, and 15 KiB for each thread that has a cache). 1 MiB at least.
  std::size_t max_bytes = memory_budget::unlimited;
  /// Counted against together with other pools, besides max_bytes. Must outlive the pool and its blocks. Unless `full`
  /// is fail, a get that finds the budget spent ticks the clock on its own thread, so that others give back what is
  /// idle.
  memory_budget* budget = nullptr;
  /// The most that may lie idle in magazines, of threads and in the depot, in bytes; what comes above goes back into
  /// spans at once. Counted by the room in magazines that are in use, full or not; a thread has two of 128 KiB at most
  /// for each class that it uses (for classes above 64 KiB: of two blocks; above 1 MiB: of one), and keeps no full ones
  /// to itself where there is a limit (else 1 MiB of them at most for each class). Classes that are wider than those of
  /// four_per_doubling have two magazines for each of its classes that they span, which share the 128 KiB, but hold a
  /// block at least.
  std::size_t max_idle_bytes = memory_budget::unlimited;
  when_full full = when_full::evict;
  std::chrono::nanoseconds max_wait = std::chrono::seconds(1);  ///< for when_full::wait, each call

  /// By what idle memory ages; nullptr: it stays until trim().
  ageing_clock* clock = &ageing_clock::process();
  /// Has the background_reclaimer tick while something is idle, or is out and may be put. Only with the clock of the
  /// process.
  bool background = true;
  /// Gives free pages inside of spans back to the system (madvise). Off for memory that devices know by its pages.
  bool return_pages = true;

  blocks_out at_end = blocks_out::report;

  // What follows costs time: such a pool has no inline path.

  bool zero_on_get = false;  ///< every block is zero over its whole class when it is handed out
  bool zero_on_put = false;  ///< and when it is taken back, for secrets; the idle mark is in its first 16 bytes then
  /// What lies between a block's size and the next block is checked as it is put. Not of blocks above the largest
  /// class.
  bool canaries = false;
  /// Blocks rest for so many bytes' worth of puts before they are used again, 4096 of them at most; all of their bytes
  /// are checked then. What rests leaves early where memory is short, and on trim(). Takes 100 KiB more.
  std::size_t quarantine_bytes = 0;
  /// Every block is one of the upstream's: for sanitizers, and to see what a pool is worth. Not with the three others.
  bool pass_through = false;

  /// About one in so many gets is served from pages of its own, between pages that cannot be touched, and its page
  /// cannot be touched after its put: overruns and uses after put end the program at once, but for overruns within what
  /// the alignment rounds up to, which are seen at the put. 0: none. Costs nothing else.
  std::size_t guard_one_in = 0;
};

}  // namespace cistern::inline v0
