// SPDX-License-Identifier: MIT
#include <cistern/allocators/fail_nth_resource.hpp>

#include <new>

namespace cistern::inline v0 {
namespace {

constexpr std::uint64_t planned(std::uint64_t number, failure_mode mode) noexcept {
  return number * 2 + (mode == failure_mode::persistent ? 1 : 0);
}

constexpr bool fails(std::uint64_t plan, std::uint64_t number) noexcept {
  const bool persistent = (plan & 1) != 0;
  const std::uint64_t first = plan / 2;
  return first != 0 && (number == first || (persistent && number > first));
}

}  // namespace

fail_nth_resource::fail_nth_resource(std::uint64_t nth, failure_mode mode, std::pmr::memory_resource* upstream) noexcept
    : upstream_(upstream) {
  fail_next(nth, mode);
}

fail_nth_resource::~fail_nth_resource() = default;

void fail_nth_resource::fail_next(std::uint64_t nth, failure_mode mode) noexcept {
  const std::uint64_t number = allocations_.load(std::memory_order_relaxed) + nth;
  plan_.store(nth == 0 ? 0 : planned(number, mode), std::memory_order_relaxed);
}

std::uint64_t fail_nth_resource::allocations() const noexcept { return allocations_.load(std::memory_order_relaxed); }
std::uint64_t fail_nth_resource::failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

void* fail_nth_resource::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::uint64_t number = allocations_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (fails(plan_.load(std::memory_order_relaxed), number)) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    throw std::bad_alloc();
  }
  return upstream_->allocate(bytes, alignment);
}

void fail_nth_resource::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  upstream_->deallocate(block, bytes, alignment);
}

bool fail_nth_resource::do_is_equal(const memory_resource& other) const noexcept {
  if (this == &other) return true;
  const auto* const same = dynamic_cast<const fail_nth_resource*>(&other);
  return same != nullptr && same->upstream_->is_equal(*upstream_);
}

}  // namespace cistern::inline v0
