// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cistern::inline v0 {

/// A heap of mimalloc for one task of one thread: its memory is counted apart and goes all at once.
/// Link cistern::mimalloc; where mimalloc is not installed, that target does not exist.
///
/// Good for a request or a phase that makes many small objects on one thread and drops them together: allocation is as
/// fast as mimalloc's own, plus the virtual call. Not for what several threads fill; use mimalloc_backend there.
///
/// The thread rule is mimalloc 2's, and kept for all versions: the thread that makes the heap is the only one that may
/// allocate from it, trim, reset or destroy it or ask for its statistics, and it must destroy it before it ends.
/// Any thread may deallocate, resize in place and ask for a usable size; but not while reset() or the destructor runs.
/// The rule is checked in every build: who breaks it ends the program with a message that says so.
///
/// Owns all blocks that came from it: they end with the heap, or with reset(). It equals only itself.
class CISTERN_EXPORT mimalloc_heap final : public backend_resource {
 public:
  /// Throws std::bad_alloc when there is no memory for it.
  mimalloc_heap();
  mimalloc_heap(const mimalloc_heap&) = delete;
  mimalloc_heap& operator=(const mimalloc_heap&) = delete;
  ~mimalloc_heap() override;

  /// Frees every block of the heap. Nobody may use or free one of them afterwards.
  /// Throws std::bad_alloc when there is no memory for a fresh heap; then nothing has changed.
  void reset();

  /// Live bytes are the blocks of this heap with mimalloc's rounding, mapped bytes what its areas of blocks hold;
  /// resident bytes are not known. Walks over the areas: some microseconds for each MiB.
  backend_statistics statistics() const override;

  std::size_t good_size(std::size_t bytes) const noexcept override;
  std::size_t usable_size(void* block) const noexcept override;
  bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes, std::size_t alignment) noexcept override;
  void trim() noexcept override;
  std::string_view name() const noexcept override { return "mimalloc-heap"; }
  std::string version() const override;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  void check_thread(const char* message) const noexcept;

  void* heap_;
  const std::uint64_t owner_;  // the number of the thread that made it
};

}  // namespace cistern::inline v0
