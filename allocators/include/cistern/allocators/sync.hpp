// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/thread_words.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

#if defined(__SANITIZE_THREAD__)
#define CISTERN_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CISTERN_TSAN 1
#endif
#endif
#ifndef CISTERN_TSAN
#define CISTERN_TSAN 0
#endif

namespace cistern::inline v0 {

/// Atomics, fences, parking, the clock and the thread's own words as the machine has them: the policy that production
/// code runs on.
///
/// Everything concurrent in cistern takes these things through `cistern::sync` and nowhere else. `sync` is this
/// struct, unless the code is compiled with CISTERN_SYNC_HEADER naming a header that defines another one: so the same
/// source runs on a deterministic scheduler in the tests. The replacement must offer every member below.
///
/// ThreadSanitizer does not model fences. The two patterns that need one are therefore functions on the object that
/// the fence is about, and become sequentially consistent accesses of that object under ThreadSanitizer. Do not call
/// std::atomic_thread_fence elsewhere.
struct std_sync {
  template <class T>
  using atomic = std::atomic<T>;

  using clock = std::chrono::steady_clock;

  /// The monotonic time. About 20 ns.
  static clock::time_point now() noexcept { return clock::now(); }

  /// Stores `value`, then orders the store before every later load of this thread (store-buffering, "Dekker").
  /// Pairs with itself or with fence_then_load() on the other side. The store publishes nothing that came before it.
  template <class T>
  static void store_then_fence(atomic<T>& object, T value) noexcept {
#if CISTERN_TSAN
    object.exchange(value, std::memory_order_seq_cst);
#else
    object.store(value, std::memory_order_relaxed);
    full_fence();
#endif
  }

  /// Orders every earlier store of this thread before the load of `object`, which is an acquire load. Pairs with
  /// store_then_fence().
  template <class T>
  static T fence_then_load(const atomic<T>& object) noexcept {
#if CISTERN_TSAN
    // A read-modify-write that changes nothing: a plain load would not be ordered after the stores before it.
    T value{};
    const_cast<atomic<T>&>(object).compare_exchange_strong(value, value, std::memory_order_seq_cst);
    return value;
#else
    full_fence();
    return object.load(std::memory_order_acquire);
#endif
  }

  /// How often a mutex looks again before it parks: some microseconds.
  static constexpr int mutex_spins = 100;

  /// Tells the processor that this is a spin loop.
  static void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  /// Lets another thread run: for a wait that is short but not that short.
  CISTERN_EXPORT static void yield() noexcept;
  CISTERN_EXPORT static void sleep_until(clock::time_point deadline) noexcept;

  /// What cistern keeps for the calling thread. One instruction, at any moment of the thread's life.
  static thread_words& words() noexcept {
    thread_words* own = &own_words;
#if defined(__SANITIZE_ADDRESS__)
    // The null check of g++ 12's UBSan takes the flags of an addition that the linker replaces by one that sets none.
    asm("" : "+r"(own));
#endif
    return *own;
  }

  /// Has `end` called on the calling thread when that ends: in the last round of POSIX thread-specific destructors,
  /// after all C++ thread_local objects are gone. There is one `end` in a process. False when the system has no key
  /// left.
  CISTERN_EXPORT static bool at_thread_exit(void (*end)() noexcept) noexcept;

  /// The kernel's id of the calling thread, never 0. A system call.
  CISTERN_EXPORT static std::uint32_t thread_id() noexcept;

  /// Sleeps until unparked while `word` holds `expected`; returns at once if it does not. May return without a wake
  /// (a signal is enough), so look at the word again. Orders nothing: take what the waker wrote by an acquire load.
  /// This and the three below leave errno as it is.
  CISTERN_EXPORT static void park(const atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;

  /// The same, until `deadline` at the latest. False when it gave up because the deadline had passed; a deadline in
  /// the past does not sleep.
  CISTERN_EXPORT static bool park_until(const atomic<std::uint32_t>& word, std::uint32_t expected,
                                        clock::time_point deadline) noexcept;

  /// Wakes one thread parked on `word`; nothing when there is none. About 5 us when there is. Only the address of
  /// `word` is used: it may be gone already, then the wake is lost or reaches whoever parks there next.
  CISTERN_EXPORT static void unpark_one(const atomic<std::uint32_t>& word) noexcept;
  CISTERN_EXPORT static void unpark_all(const atomic<std::uint32_t>& word) noexcept;

 private:
  // clang 14 makes an mfence of it, which takes twice the time of a locked instruction, and half of what a worker's
  // deque costs (perf/workers/task_deque_bench.cpp).
  static void full_fence() noexcept {
#if defined(__x86_64__) && !CISTERN_TSAN
    asm volatile("lock; orq $0, -64(%%rsp)" ::: "memory", "cc");
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  }

  [[gnu::tls_model("initial-exec")]] CISTERN_EXPORT static constinit thread_local thread_words own_words;
};

}  // namespace cistern::inline v0

#ifdef CISTERN_SYNC_HEADER
#include CISTERN_SYNC_HEADER
#else
namespace cistern::inline v0 {
using sync = std_sync;
}
#endif
