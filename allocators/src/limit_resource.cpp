// SPDX-License-Identifier: MIT
#include <cistern/allocators/limit_resource.hpp>

#include <new>

namespace cistern::inline v0 {

limit_resource::~limit_resource() = default;

void* limit_resource::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (!budget_->try_reserve(bytes)) throw std::bad_alloc();
  try {
    return upstream_->allocate(bytes, alignment);
  } catch (...) {
    budget_->release(bytes);
    throw;
  }
}

void limit_resource::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  upstream_->deallocate(block, bytes, alignment);
  // Only now: released earlier, the bytes could be spent while they are still in use.
  budget_->release(bytes);
}

bool limit_resource::do_is_equal(const memory_resource& other) const noexcept {
  if (this == &other) return true;
  const auto* const same = dynamic_cast<const limit_resource*>(&other);
  return same != nullptr && same->budget_ == budget_ && same->upstream_->is_equal(*upstream_);
}

}  // namespace cistern::inline v0
