// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/thread_words.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What scheduled_sync calls. Outside of a fibre the points do nothing, and park() ends the program.
namespace cistern::schedules::detail {

enum class park_end : std::uint8_t { woken, deadline };
inline constexpr std::chrono::nanoseconds no_deadline = std::chrono::nanoseconds::max();

/// Another fibre may run before this returns.
void scheduling_point(const char* operation, const void* object) noexcept;
/// Like a scheduling point, but for a loop that waits: others go first, and time passes.
void pause() noexcept;
/// True now and then: for operations that may fail for no reason.
bool chance() noexcept;
void note(std::uint64_t value) noexcept;  ///< the result of the last operation, for the trace
void note(const void* value) noexcept;
/// To be called before an atomic changes: one in static storage gets its value back should the schedule fail.
void changing(void* object, std::size_t size) noexcept;
bool tracing() noexcept;
park_end park(const void* word, std::chrono::nanoseconds deadline) noexcept;
void unpark(const void* word, bool all) noexcept;
std::chrono::nanoseconds now() noexcept;
void sleep_until(std::chrono::nanoseconds deadline) noexcept;

// A fibre is a thread to the code under test, and so is the body.
thread_words& words() noexcept;
std::uint32_t thread_id() noexcept;
void at_thread_exit(void (*end)() noexcept) noexcept;

}  // namespace cistern::schedules::detail
