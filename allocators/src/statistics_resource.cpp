// SPDX-License-Identifier: MIT
//
// Invariants: I1 a block is counted after the upstream has given it and no longer when the upstream gets it back, so
// live_bytes_ and the peak are never above what the upstream has out; I2 in a snapshot deallocations <= allocations.
// Orders: [a] release in do_deallocate() <-> acquire in snapshot() [b]. Everything else is relaxed.
#include <cistern/allocators/detail/raise.hpp>
#include <cistern/allocators/statistics_resource.hpp>

namespace cistern::inline v0 {
namespace {

std::string counted(std::uint64_t count, const char* noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

}  // namespace

std::string to_string(const allocation_statistics& statistics) {
  return "live " + counted(statistics.live_bytes, "byte") + " in " + counted(statistics.live_blocks, "block") +
         ", peak " + counted(statistics.peak_bytes, "byte") + "; " + counted(statistics.allocations, "allocation") +
         " of " + counted(statistics.allocated_bytes, "byte") + ", " +
         counted(statistics.deallocations, "deallocation") + ", " + counted(statistics.failures, "failure");
}

statistics_resource::~statistics_resource() = default;

allocation_statistics statistics_resource::snapshot() const noexcept {
  allocation_statistics now;
  // [b] pairs with [a]: whoever counted a deallocation had counted the allocation before, so that is seen below.
  now.deallocations = deallocations_.load(std::memory_order_acquire);
  now.allocations = allocations_.load(std::memory_order_relaxed);
  now.live_blocks = static_cast<std::size_t>(now.allocations - now.deallocations);
  now.live_bytes = live_bytes_.load(std::memory_order_relaxed);
  now.peak_bytes = peak_bytes_.load(std::memory_order_relaxed);
  now.allocated_bytes = allocated_bytes_.load(std::memory_order_relaxed);
  now.failures = failures_.load(std::memory_order_relaxed);
  return now;
}

void statistics_resource::reset_peak() noexcept {
  peak_bytes_.store(live_bytes_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void* statistics_resource::do_allocate(std::size_t bytes, std::size_t alignment) {
  void* block = nullptr;
  try {
    block = upstream_->allocate(bytes, alignment);
  } catch (...) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    throw;
  }
  allocations_.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  detail::raise(peak_bytes_, live_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes);
  return block;
}

void statistics_resource::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  live_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  deallocations_.fetch_add(1, std::memory_order_release);  // [a] pairs with [b]: the block's allocation was counted
  upstream_->deallocate(block, bytes, alignment);
}

bool statistics_resource::do_is_equal(const memory_resource& other) const noexcept { return this == &other; }

}  // namespace cistern::inline v0
