// SPDX-License-Identifier: MIT
//
// Parking by futex. A futex compares the word itself, so a wake between the caller's last look and the system call is
// not lost: that is why park() takes the expected value. Private futexes only: nothing here is shared between
// processes. The deadline is absolute on CLOCK_MONOTONIC, which is what steady_clock reads on Linux.
//
// A thread's exit is hooked by a POSIX key, not by a thread_local object: its destructor runs after those of all C++
// thread_local objects, and it puts itself back until the last round, so that destructors of other keys come before it.
#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <ctime>

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cistern::inline v0 {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "a futex waits on the word itself");

// The system call's error, or 0. The caller's errno survives: a lock taken inside of free() must not change it.
int futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
          const timespec* deadline = nullptr) noexcept {
  const int errno_before = errno;
  const long result =
      syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
  const int error = result < 0 ? errno : 0;
  errno = errno_before;
  return error;
}

constinit pthread_key_t exit_key = 0;
using thread_end = void (*)() noexcept;
constinit std::atomic<thread_end> end_of_thread{nullptr};

// The key's value counts the rounds that are left.
void on_key_destroyed(void* rounds_left) {
  const auto left = reinterpret_cast<std::uintptr_t>(rounds_left);
  if (left > 1 && pthread_setspecific(exit_key, reinterpret_cast<void*>(left - 1)) == 0) return;
  // A signal handler that pins must not come while this thread's state goes, nor after that, when pinning takes locks.
  // The thread needs no signals any more.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  end_of_thread.load(std::memory_order_relaxed)();
}

// Before main and before there are threads: a fork must not find a thread in the middle of the initialisation.
bool make_key() noexcept {
  static const bool made = pthread_key_create(&exit_key, on_key_destroyed) == 0;
  return made;
}
struct early_key {
  early_key() noexcept { make_key(); }
};
[[gnu::init_priority(102), maybe_unused]] const early_key key_is_made;

}  // namespace

void std_sync::park(const atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  futex(word, FUTEX_WAIT_BITSET, expected);
}

bool std_sync::park_until(const atomic<std::uint32_t>& word, std::uint32_t expected,
                          clock::time_point deadline) noexcept {
  // The kernel refuses times before the clock's start, which are past like any other.
  const auto since_start = std::max(deadline.time_since_epoch(), clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
  const timespec at{.tv_sec = static_cast<time_t>(seconds.count()),
                    .tv_nsec = static_cast<long>(std::chrono::nanoseconds(since_start - seconds).count())};
  return futex(word, FUTEX_WAIT_BITSET, expected, &at) != ETIMEDOUT;
}

void std_sync::unpark_one(const atomic<std::uint32_t>& word) noexcept { futex(word, FUTEX_WAKE_BITSET, 1); }

void std_sync::unpark_all(const atomic<std::uint32_t>& word) noexcept { futex(word, FUTEX_WAKE_BITSET, INT_MAX); }

constinit thread_local thread_words std_sync::own_words;

bool std_sync::at_thread_exit(void (*end)() noexcept) noexcept {
  end_of_thread.store(end, std::memory_order_relaxed);  // each time the same
  // ThreadSanitizer takes its own state of a thread away in the last round.
  constexpr std::uintptr_t rounds = PTHREAD_DESTRUCTOR_ITERATIONS - CISTERN_TSAN;
  return make_key() && pthread_setspecific(exit_key, reinterpret_cast<void*>(rounds)) == 0;
}

void std_sync::yield() noexcept { sched_yield(); }

std::uint32_t std_sync::thread_id() noexcept { return static_cast<std::uint32_t>(gettid()); }

void std_sync::sleep_until(clock::time_point deadline) noexcept {
  const std::atomic<std::uint32_t> nobody_wakes{0};
  while (park_until(nobody_wakes, 0, deadline) && now() < deadline) {
  }
}

}  // namespace cistern::inline v0
