// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace cistern::inline v0 {

/// What happens after the n-th allocation has failed.
enum class failure_mode : std::uint8_t {
  transient,   ///< only that one fails: does the code recover?
  persistent,  ///< all later ones fail too: does the clean-up need memory?
};

/// A memory resource for tests: the n-th allocation through it throws std::bad_alloc, the others go upstream.
///
/// Run a piece of code with n = 1, 2, 3 and so on until nothing fails any more, and every one of its allocations has
/// failed once (tests/contracts/every_allocation.hpp does that). To fail by the amount of memory use limit_resource.
///
/// Thread safety: as thread-safe as the upstream. Allocations are numbered in one order over all threads, so exactly
/// one is the n-th. Memory ordering: the upstream's.
/// Ownership: the upstream must outlive the resource and every block from it.
/// Equality: equal to another fail_nth_resource with an equal upstream, since a deallocation is only passed on.
/// Cost: one atomic addition for each allocation. Example: tests/examples/fail_nth_resource_example.cpp.
class CISTERN_EXPORT fail_nth_resource final : public std::pmr::memory_resource {
 public:
  /// Fails nothing until fail_next() is called.
  explicit fail_nth_resource(std::pmr::memory_resource* upstream = std::pmr::get_default_resource()) noexcept
      : upstream_(upstream) {}

  /// The same as fail_next(nth, mode) at once.
  fail_nth_resource(std::uint64_t nth, failure_mode mode,
                    std::pmr::memory_resource* upstream = std::pmr::get_default_resource()) noexcept;
  fail_nth_resource(const fail_nth_resource&) = delete;
  fail_nth_resource& operator=(const fail_nth_resource&) = delete;
  ~fail_nth_resource() override;

  /// From now on the `nth` allocation fails, 1 being the next one; this replaces what was asked for before, and 0 fails
  /// nothing more. Allocations of other threads that run at the same time may or may not be counted.
  void fail_next(std::uint64_t nth = 1, failure_mode mode = failure_mode::transient) noexcept;

  std::uint64_t allocations() const noexcept;  ///< calls of allocate() so far, those that failed included
  std::uint64_t failures() const noexcept;     ///< of those, the ones that failed here

  std::pmr::memory_resource* upstream_resource() const noexcept { return upstream_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override;

  std::pmr::memory_resource* upstream_;  // constant after construction

  // Atomic and relaxed. The plan is one word, so that nobody sees the number of one plan with the mode of another:
  // twice the number of the allocation that fails, plus one when it is persistent; 0 for none.
  sync::atomic<std::uint64_t> plan_{0};
  sync::atomic<std::uint64_t> allocations_{0};
  sync::atomic<std::uint64_t> failures_{0};
};

}  // namespace cistern::inline v0
