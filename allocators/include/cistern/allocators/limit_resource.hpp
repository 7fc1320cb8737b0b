// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/memory_budget.hpp>

#include <cstddef>
#include <memory_resource>

namespace cistern::inline v0 {

/// A memory resource that spends a memory_budget: what the budget does not cover is refused with std::bad_alloc.
///
/// Use it to bound a cache, a tenant or a parser of foreign input; give several of them one budget to bound them
/// together. It counts the bytes that were asked for: put it under a pool to bound what the pool takes from its
/// upstream, and above the pool to bound what users get. It does not wait for memory to come back.
///
/// Thread safety: as thread-safe as the upstream. Memory ordering: the upstream's.
/// Ownership: budget and upstream must outlive the resource and every block from it.
/// Failure: when the upstream throws, the reservation is returned and the exception passed on; nothing is lost.
/// Equality: equal to another limit_resource with the same budget and an equal upstream, since a block may then be
/// given back through either. Cost: the budget's two atomic operations and one virtual call each way
/// (perf/allocators/decorators_bench.cpp). Example: tests/examples/limit_resource_example.cpp.
class CISTERN_EXPORT limit_resource final : public std::pmr::memory_resource {
 public:
  explicit limit_resource(memory_budget& budget,
                          std::pmr::memory_resource* upstream = std::pmr::get_default_resource()) noexcept
      : budget_(&budget), upstream_(upstream) {}
  limit_resource(const limit_resource&) = delete;
  limit_resource& operator=(const limit_resource&) = delete;
  ~limit_resource() override;

  memory_budget& budget() const noexcept { return *budget_; }
  std::pmr::memory_resource* upstream_resource() const noexcept { return upstream_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override;

  // Constant after construction.
  memory_budget* budget_;
  std::pmr::memory_resource* upstream_;
};

}  // namespace cistern::inline v0
