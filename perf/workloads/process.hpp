// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace cistern::perf {

/// This process's resident memory in bytes, from the kernel. It batches its count on each processor, so some 100 KiB
/// may be missing. About 2 us; allocates nothing.
std::size_t rss_bytes() noexcept;

/// The largest value of rss_bytes() since the last reset_peak_rss(), or since the process began where the kernel does
/// not allow a reset.
std::size_t peak_rss_bytes() noexcept;
void reset_peak_rss() noexcept;

/// What the kernel has counted for this process since it began.
struct resource_usage {
  double cpu_seconds;
  std::uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
};
resource_usage usage() noexcept;

/// Ends the process with status 1 and one line on stderr: for a worker thread, which has nobody to throw to, and an
/// allocator that may be beyond running destructors.
[[noreturn]] void give_up(std::string_view why) noexcept;

/// Calls `function(argument)` on a new thread, and returns when that has ended.
void run_on_new_thread(void (*function)(void*), void* argument);

template <class F>
void on_new_thread(F&& function) {
  run_on_new_thread([](void* argument) { (*static_cast<std::remove_reference_t<F>*>(argument))(); }, &function);
}

}  // namespace cistern::perf
