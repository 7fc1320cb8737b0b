// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace cistern::inline v0 {

/// The bridge from any std::pmr::memory_resource to a backend.
///
/// Holds a pointer: the resource must outlive it and every block from it. As thread-safe as the resource is. An
/// exception of the resource becomes nullptr. A memory_resource says nothing of itself, so sizes are what was asked
/// for, nothing is resized in place, and there are no statistics; for a backend_resource, use that directly.
class resource_backend {
 public:
  explicit resource_backend(std::pmr::memory_resource* resource = std::pmr::get_default_resource()) noexcept
      : resource_(resource) {}

  // libstdc++ 12's aligned operator new rounds sizes near SIZE_MAX up to small ones, and returns a small block.
  void* allocate(std::size_t bytes, std::size_t alignment) const noexcept {
    if (bytes > PTRDIFF_MAX) [[unlikely]]
      return nullptr;
    try {
      return resource_->allocate(bytes != 0 ? bytes : 1, alignment);
    } catch (...) {
      return nullptr;
    }
  }
  void deallocate(void* block, std::size_t bytes, std::size_t alignment) const noexcept {
    if (block != nullptr) resource_->deallocate(block, bytes != 0 ? bytes : 1, alignment);
  }

  static std::size_t good_size(std::size_t bytes) noexcept { return bytes; }
  static std::size_t usable_size(void* /*block*/) noexcept { return 0; }
  static bool try_resize(void* /*block*/, std::size_t old_bytes, std::size_t new_bytes,
                         std::size_t /*alignment*/) noexcept {
    return new_bytes == old_bytes;
  }
  static void trim() noexcept {}
  static backend_statistics statistics() { return {}; }
  static constexpr std::string_view name() noexcept { return "resource"; }
  static std::string version() { return {}; }

  std::pmr::memory_resource* resource() const noexcept { return resource_; }

  friend bool operator==(const resource_backend& a, const resource_backend& b) noexcept {
    return a.resource_ == b.resource_ || a.resource_->is_equal(*b.resource_);
  }

 private:
  std::pmr::memory_resource* resource_;
};

static_assert(memory_backend<resource_backend>);

}  // namespace cistern::inline v0
