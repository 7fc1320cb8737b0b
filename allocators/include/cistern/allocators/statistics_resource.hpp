// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>

namespace cistern::inline v0 {

/// What went through a statistics_resource, in bytes as they were asked for.
struct allocation_statistics {
  std::size_t live_bytes = 0;
  std::size_t live_blocks = 0;
  std::size_t peak_bytes = 0;     ///< the most live bytes since the start, or since reset_peak()
  std::uint64_t allocations = 0;  ///< that succeeded
  std::uint64_t deallocations = 0;
  std::uint64_t allocated_bytes = 0;  ///< of all allocations together
  std::uint64_t failures = 0;         ///< allocations that the upstream refused
};

/// One line: "live 96 bytes in 2 blocks, peak 128 bytes; 3 allocations of 160 bytes, 1 deallocation, 0 failures".
CISTERN_EXPORT std::string to_string(const allocation_statistics& statistics);

/// A memory resource that counts what passes through it.
///
/// Use it to see what a part of a program needs, and in tests to see that everything came back. Backends and pools
/// have counters of their own, which cost less; who holds the memory is told by tracking_resource.
///
/// Thread safety: as thread-safe as the upstream; snapshot() at any time. Memory ordering: the upstream's.
/// Ownership: the upstream must outlive the resource and every block from it.
/// Equality: equal to itself only, since a block must be counted where it was counted before.
/// Cost: five atomic additions for a pair, on one cache line, about 30 ns beside the virtual calls
/// (perf/allocators/decorators_bench.cpp). Counters for each thread would cost less under contention, but an exact
/// peak needs one sum that every thread adds to. Example: tests/examples/statistics_resource_example.cpp.
class CISTERN_EXPORT statistics_resource final : public std::pmr::memory_resource {
 public:
  explicit statistics_resource(std::pmr::memory_resource* upstream = std::pmr::get_default_resource()) noexcept
      : upstream_(upstream) {}
  statistics_resource(const statistics_resource&) = delete;
  statistics_resource& operator=(const statistics_resource&) = delete;
  ~statistics_resource() override;

  /// The counters now. While other threads allocate each number is right by itself, more were never freed than
  /// allocated, and the sums may miss operations that are under way; at rest all are exact.
  allocation_statistics snapshot() const noexcept;

  /// Starts a new peak at what is live now.
  void reset_peak() noexcept;

  std::pmr::memory_resource* upstream_resource() const noexcept { return upstream_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override;

  std::pmr::memory_resource* upstream_;  // constant after construction

  // Atomic. live_bytes_ is counted by itself, not as a difference of sums: the peak needs its value at each addition.
  sync::atomic<std::size_t> live_bytes_{0};
  sync::atomic<std::size_t> peak_bytes_{0};
  sync::atomic<std::uint64_t> allocations_{0};
  sync::atomic<std::uint64_t> deallocations_{0};  // see [a] in the source
  sync::atomic<std::uint64_t> allocated_bytes_{0};
  sync::atomic<std::uint64_t> failures_{0};
};

}  // namespace cistern::inline v0
