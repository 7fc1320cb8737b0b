// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/pools/buffer.hpp>
#include <cistern/pools/detail/block_pool.hpp>
#include <cistern/pools/pool_options.hpp>
#include <cistern/pools/pool_statistics.hpp>

#include <cstddef>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace cistern::inline v0 {

/// A pool of bytes in size classes: the role of vitess's bucketpool, and of a general allocator for one part of a
/// program.
///
/// Use it as a std::pmr::memory_resource, through cistern::allocator<T> where a virtual call is too dear, or for
/// buffers by get(). Not for objects that stay constructed (object_pool), nor for buffers that grow.
///
/// Differences from its model: a capacity is rounded up on get and down on put, so a block never serves a request that
/// is larger than itself; idle memory ages by the clock and goes back to the upstream within two ticks; a pool can be
/// bounded; misuse ends the program with a line that names the pool, the class and the address: a block put twice or
/// into another pool, a pointer that is none of the pool's or not a block's beginning, a wrong size, a write after put
/// (to the first 16 bytes; to all of them with a quarantine). What was idle for so long that its page went back to the
/// system has lost its mark: a second put of it is seen only as it goes back into its span again, a write not at all.
///
/// Threads: all functions from any, also in thread-local and static destructors, and in the child of a fork. What
/// happened before a put happens before what follows the get that hands the block out next. Lifetime: the upstream
/// outlives it. When it ends, blocks that are out are reported (options: at_end); their memory stays, and buffers and
/// allocators may still put them, also while the destructor runs.
///
/// Complexity: O(1); a get or put takes a block from this thread's magazine or adds it there (about 1 ns each on a
/// 2020s machine, perf/pools/bucket_pool_bench.cpp), takes a lock once in up to 62, and calls the upstream for chunks.
/// Puts allocate nothing that they need. Failure: allocate() throws std::bad_alloc, try_ functions return nullptr or an
/// empty buffer. Sizes above the largest class, and alignments above 64 KiB, go to the upstream and are counted.
///
/// Example: tests/examples/bucket_pool_example.cpp. Design note: pools/block_pool.md.
class CISTERN_EXPORT bucket_pool final : public std::pmr::memory_resource {
 public:
  /// Throws std::invalid_argument that says which option is wrong, and std::bad_alloc.
  explicit bucket_pool(const pool_options& options = {});
  ~bucket_pool() override;
  bucket_pool(const bucket_pool&) = delete;
  bucket_pool& operator=(const bucket_pool&) = delete;

  /// The pool that cistern::allocator uses when it is given none: "default", with default options. Never destroyed.
  static bucket_pool& process();

  /// A buffer of `bytes`, in a block of the smallest class that holds it. get() throws std::bad_alloc.
  buffer get(std::size_t bytes) {
    buffer got = try_get(bytes);
    if (!got) [[unlikely]]
      no_memory();
    return got;
  }
  buffer try_get(std::size_t bytes) noexcept {
    const std::size_t step = detail::size_step::of(bytes);
    if (void* const block = core_->try_get(step)) [[likely]]
      return {static_cast<std::byte*>(block), bytes, core_->stride(step), *core_, step};
    const got_block slow = try_get_slow(bytes);  // not a buffer, which would have to lie in memory then
    if (slow.block == nullptr) return {};
    return {static_cast<std::byte*>(slow.block), bytes, slow.capacity, *core_, slow.step};
  }

  // As std::pmr::memory_resource's, without the virtual call.

  /// Throws std::bad_alloc, and std::invalid_argument when an alignment above 16 is not a power of two.
  [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment = default_alignment) {
    void* const block = try_allocate(bytes, alignment);
    if (block == nullptr) [[unlikely]]
      no_memory(alignment);
    return block;
  }
  [[nodiscard]] void* try_allocate(std::size_t bytes, std::size_t alignment = default_alignment) noexcept {
    return detail::allocate(*core_, bytes, alignment);
  }
  /// With the numbers that the block was allocated with; nullptr is ignored.
  void deallocate(void* block, std::size_t bytes, std::size_t alignment = default_alignment) noexcept {
    detail::deallocate(*core_, block, bytes, alignment);
  }

  // For those who have no size, and C code's hooks.

  void free(void* block) noexcept { detail::deallocate(*core_, block); }  ///< nullptr is ignored
  std::size_t usable_size(const void* block) const noexcept;              ///< 0 for nullptr
  /// As C's realloc: nullptr, and the block as it was, when there is no memory; nullptr and freed for 0 bytes.
  [[nodiscard]] void* realloc(void* block, std::size_t bytes) noexcept;

  /// Up to blocks.size() blocks of `bytes`: how many it got.
  std::size_t allocate_batch(std::size_t bytes, std::span<void*> blocks) noexcept;
  void deallocate_batch(std::size_t bytes, std::span<void* const> blocks) noexcept;

  /// Gives back all that is idle, in all threads: whole chunks to the upstream, and free pages within those that hold
  /// live blocks to the system. Then trims the upstream, if it is a backend. Milliseconds.
  void trim() noexcept;

  pool_statistics statistics() const;
  std::string_view name() const noexcept;
  const pool_options& options() const noexcept;

  detail::block_pool& core() const noexcept { return *core_; }  ///< for cistern::allocator

 private:
  static constexpr std::size_t default_alignment = alignof(std::max_align_t);

  void* do_allocate(std::size_t bytes, std::size_t alignment) override { return allocate(bytes, alignment); }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  struct got_block {
    void* block;
    std::size_t capacity, step;
  };
  got_block try_get_slow(std::size_t bytes) noexcept;
  [[noreturn]] static void no_memory(std::size_t alignment = default_alignment);

  detail::block_pool* core_;
};

/// The pool of this name, or nullptr: for hooks of C libraries, which are given nothing to find their pool by. It must
/// not end meanwhile. Takes a lock.
CISTERN_EXPORT bucket_pool* find_pool(std::string_view name) noexcept;

/// The numbers of every pool there is.
CISTERN_EXPORT std::vector<pool_statistics> all_pool_statistics();

}  // namespace cistern::inline v0
