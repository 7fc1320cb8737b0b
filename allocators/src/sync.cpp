// SPDX-License-Identifier: MIT
//
// Parking by futex. A futex compares the word itself, so a wake between the caller's last look and the system call is
// not lost: that is why park() takes the expected value. Private futexes only: nothing here is shared between
// processes. The deadline is absolute on CLOCK_MONOTONIC, which is what steady_clock reads on Linux.
#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include <linux/futex.h>
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

}  // namespace cistern::inline v0
