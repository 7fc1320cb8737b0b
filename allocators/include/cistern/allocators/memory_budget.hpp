// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace cistern::inline v0 {

/// A number of bytes that several memory resources may spend together.
///
/// Hand one budget to a limit_resource for each consumer: one of them may use what the others leave. It counts bytes
/// and owns no memory.
///
/// Thread safety: every member from any thread. Exact: reservations that run at once never exceed the limit together.
/// Memory ordering: none; the counters say nothing about other memory.
/// Cost: one compare-and-swap to reserve and one atomic subtraction to release, all on one cache line. Lock-free,
/// allocates nothing. Example: tests/examples/limit_resource_example.cpp.
class CISTERN_EXPORT memory_budget {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  explicit memory_budget(std::size_t limit = unlimited) noexcept : limit_(limit) {}
  memory_budget(const memory_budget&) = delete;
  memory_budget& operator=(const memory_budget&) = delete;

  /// Takes `bytes` out of what is left, or leaves everything as it is, counts a refusal and returns false.
  bool try_reserve(std::size_t bytes) noexcept;

  /// Gives back `bytes` that were reserved before.
  void release(std::size_t bytes) noexcept;

  /// Changes the limit. Below used() nothing is taken away: further reservations are refused until enough has come
  /// back. A reservation that runs at the same time is measured against the old limit or the new one.
  void set_limit(std::size_t limit) noexcept;

  std::size_t limit() const noexcept;
  std::size_t used() const noexcept;
  std::size_t high_water() const noexcept;  ///< the most that was ever used at once
  std::uint64_t refusals() const noexcept;

 private:
  // All atomic and relaxed: each is read for its own value only.
  sync::atomic<std::size_t> limit_;
  sync::atomic<std::size_t> used_{0};
  sync::atomic<std::size_t> high_water_{0};
  sync::atomic<std::uint64_t> refusals_{0};
};

}  // namespace cistern::inline v0
