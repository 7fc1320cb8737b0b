// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cstdint>

namespace cistern::inline v0 {

/// How badly memory is wanted back.
enum class age_level : std::uint8_t {
  tick,      ///< time has passed: let go what was idle for a whole period
  pressure,  ///< memory is short: let go all that is idle
};

/// Something that keeps idle things and lets them go with age: a pool, an arena, an epoch domain.
///
/// Derive from it; add it to a clock once it is constructed, and remove it before anything of it is destroyed.
class CISTERN_EXPORT ager {
 public:
  /// Lets idle things go. Called by whoever ticks, with no lock of the clock held, and not by two threads at a time. It
  /// may run user code and use the clock, but not remove itself. True when something idle is left, so that another tick
  /// is worth its while.
  virtual bool age(age_level level) noexcept = 0;

  ager(const ager&) = delete;
  ager& operator=(const ager&) = delete;

 protected:
  ager() = default;
  ~ager() = default;

 private:
  friend class ageing_clock;
  // Guarded by the clock's mutex_.
  ager* next_ = nullptr;
  ager* previous_ = nullptr;
};

/// The clock by which idle things age: a counter of ticks and a list of those to tell.
///
/// In the place of Go's garbage collector, which empties pools when it happens to run: here somebody ticks, about once
/// a second, and everything idle ages by the same clock. It is not the epoch of reclamation, which moves at the speed
/// of retiring and would empty idle caches at that speed. Who ticks: the background_reclaimer by default, an event loop
/// that calls tick() itself, or whoever learns of memory pressure.
///
/// Threads: every function from any thread. Lifetime: an ager is removed before it is destroyed. process() is never
/// destroyed. Around fork: in the child the ticks of threads that are gone are over.
class CISTERN_EXPORT ageing_clock {
 public:
  ageing_clock() noexcept;
  ~ageing_clock();
  ageing_clock(const ageing_clock&) = delete;
  ageing_clock& operator=(const ageing_clock&) = delete;

  /// The clock that everything in this process ages by unless told otherwise.
  static ageing_clock& process() noexcept;

  /// Allocates nothing. remove() waits while the ager is being told.
  void add(ager& what) noexcept;
  void remove(ager& what) noexcept;

  /// Counts one tick and tells every ager. True when one of them still has something idle. Waits for a tick of another
  /// thread that is under way; from within an ager of this clock it does nothing and returns true.
  bool tick(age_level level = age_level::tick) noexcept;

  /// Ticks so far. One relaxed load: for those who age on their own thread when they come by.
  std::uint64_t ticks() const noexcept { return ticks_.load(std::memory_order_relaxed); }

 private:
  bool is_ticking() noexcept;
  bool tell_all(age_level level) noexcept;
  void child_of_fork() noexcept;

  detail::fork_handler at_fork_;
  mutex ticking_;  // held by the thread that ticks, over the whole tick; taken before mutex_
  mutex mutex_;
  // Guarded by mutex_.
  ager* first_ = nullptr;
  ager* told_ = nullptr;          // the one that is being told
  const void* ticker_ = nullptr;  // the words of the thread that ticks
  std::uint32_t waiting_ = 0;     // threads in remove() that wait for the end of a telling

  sync::atomic<std::uint32_t> tellings_{0};  // that have ended; remove() parks on it
  sync::atomic<std::uint64_t> ticks_{0};
};

}  // namespace cistern::inline v0
