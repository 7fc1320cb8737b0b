// SPDX-License-Identifier: MIT
#pragma once

#include <csetjmp>
#include <cstddef>
#include <memory>

#include <ucontext.h>

namespace cistern::schedules {

/// A stack of its own with a function running on it: the scheduler's thread of control. Not for other threads.
///
/// Switching takes about 30 ns. swapcontext() would enter the kernel for the signal mask each time, which no test
/// needs, so it is used for the first switch only. That jump from one stack to another is not covered by the C
/// standard; glibc does what is needed, and under AddressSanitizer, which has to be told, swapcontext() is used.
class fibre {
 public:
  /// The thread's own stack, to switch from and back to.
  fibre() noexcept = default;

  /// A new stack. `entry(argument)` starts at the first switch to it, and must not return.
  fibre(void (*entry)(void*), void* argument);
  fibre(const fibre&) = delete;
  fibre& operator=(const fibre&) = delete;

  /// Suspends `from`, which must be the one that is running, and resumes `to`. Returns when `from` is resumed.
  static void switch_between(fibre& from, fibre& to) noexcept;

  /// True when the stack was used to its end: what lies below it may be overwritten.
  bool overflown() const noexcept;

 private:
  // The exceptions in flight, which the C++ runtime keeps for each thread: __cxa_eh_globals of the Itanium ABI.
  struct exceptions_in_flight {
    void* caught = nullptr;
    unsigned uncaught = 0;
  };

  static void start(unsigned high, unsigned low);
  void arrived() noexcept;

  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  std::unique_ptr<std::byte[]> stack_;
  bool started_ = false;
  ucontext_t context_{};
  std::jmp_buf jump_{};
  exceptions_in_flight exceptions_;
  // For AddressSanitizer: where the stack lies, and what it keeps of it while it is not running.
  const void* stack_bottom_ = nullptr;
  std::size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;
};

}  // namespace cistern::schedules
