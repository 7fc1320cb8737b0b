// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/system_backend.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

namespace cistern::inline v0 {

/// Blocks of one size, kept in a list that runs through the idle blocks themselves: last in, first out.
///
/// Good for one thread that makes and drops many nodes of one size, and as the floor to measure pools against: nothing
/// that keeps blocks for reuse costs less. Not good for several threads, for several sizes, or for memory that must
/// come back by itself: idle blocks stay until trim() or the destructor. Nothing is checked: a block that is given back
/// twice is handed out twice.
///
/// Thread safety: none; one thread at a time. Ownership: each block is one allocation of the backend, which is held by
/// value (over a std::pmr::memory_resource: free_list<resource_backend>, and the resource must outlive the list). The
/// destructor frees the idle blocks; a block that is still out may afterwards be freed through an equal backend, with
/// block_bytes() and alignment(). Complexity: a pointer or two each way; a miss costs one allocation of the backend.
/// Example: tests/examples/free_list_example.cpp.
template <memory_backend Backend = system_backend>
class free_list {
 public:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

  /// For blocks of at least `bytes`, aligned to `alignment`, a power of two. Allocates nothing.
  explicit free_list(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t), Backend backend = {})
      : block_bytes_(std::max(bytes, sizeof(node))),
        alignment_(std::max(alignment, alignof(node))),
        backend_(std::move(backend)) {}

  free_list(free_list&& other) noexcept
      : idle_(std::exchange(other.idle_, nullptr)),
        block_bytes_(other.block_bytes_),
        alignment_(other.alignment_),
        backend_(other.backend_) {}
  free_list& operator=(free_list&& other) noexcept {
    if (this == &other) return *this;
    trim();
    idle_ = std::exchange(other.idle_, nullptr);
    block_bytes_ = other.block_bytes_;
    alignment_ = other.alignment_;
    backend_ = other.backend_;
    return *this;
  }
  ~free_list() { trim(); }

  /// A block, or nullptr when none is idle and the backend has no memory.
  void* allocate() noexcept {
    node* const block = idle_;
    if (block == nullptr) [[unlikely]]
      return allocate_more();
    idle_ = block->next;
    return block;
  }

  /// Takes back a block of this list, or nullptr.
  void deallocate(void* block) noexcept {
    if (block == nullptr) [[unlikely]]
      return;
    idle_ = new (block) node{idle_};
  }

  /// Allocates up to `blocks` more, to be idle. Returns how many it got: fewer when the backend has no memory.
  std::size_t reserve(std::size_t blocks) noexcept {
    std::size_t got = 0;
    for (void* block; got < blocks && (block = allocate_more()) != nullptr; ++got) deallocate(block);
    return got;
  }

  /// Gives up to `blocks` idle ones back to the backend, the most recently used first. Returns how many.
  std::size_t trim(std::size_t blocks = all) noexcept {
    std::size_t given = 0;
    for (; given < blocks && idle_ != nullptr; ++given) backend_.deallocate(allocate(), block_bytes_, alignment_);
    return given;
  }

  std::size_t block_bytes() const noexcept { return block_bytes_; }
  std::size_t alignment() const noexcept { return alignment_; }
  const Backend& backend() const noexcept { return backend_; }

 private:
  struct node {
    node* next;
  };

  [[gnu::noinline, gnu::cold]] void* allocate_more() noexcept { return backend_.allocate(block_bytes_, alignment_); }

  node* idle_ = nullptr;
  // Constant after construction, but for assignment.
  std::size_t block_bytes_;
  std::size_t alignment_;
  [[no_unique_address]] Backend backend_;
};

}  // namespace cistern::inline v0
