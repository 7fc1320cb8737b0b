// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/bucket_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>

namespace cistern::inline v0 {

/// What allocate_at_least gives: as std::allocation_result of C++23.
template <class Pointer>
struct allocation_result {
  Pointer ptr;
  std::size_t count;
};

/// A bucket_pool as an allocator for containers: `std::vector<int, cistern::allocator<int>> v(pool)`. No virtual call,
/// and inlined where a block lies ready.
///
/// One pointer. Default-constructed it uses bucket_pool::process(). Two are equal when they use the same pool. It goes
/// along when a container is moved or swapped, so both are O(1); a copied container uses the same pool as its original.
/// Threads and lifetime: the pool's. Allocation throws std::bad_alloc, and std::bad_array_new_length for a count that
/// is no size.
template <class T>
class allocator {
 public:
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;
  using is_always_equal = std::false_type;

  allocator() : pool_(&bucket_pool::process().core()) {}
  allocator(const bucket_pool& pool) noexcept : pool_(&pool.core()) {}  // NOLINT(google-explicit-constructor): as pmr's
  template <class U>
  allocator(const allocator<U>& other) noexcept : pool_(other.pool_) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard, gnu::always_inline]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) [[unlikely]]
      throw std::bad_array_new_length();
    void* const block = detail::allocate(*pool_, count * sizeof(T), alignof(T));
    if (block == nullptr) [[unlikely]]
      throw std::bad_alloc();
    return static_cast<T*>(block);
  }
  [[gnu::always_inline]] void deallocate(T* block, std::size_t count) noexcept {
    detail::deallocate(*pool_, block, count * sizeof(T), alignof(T));
  }

  /// As many as the block has room for, `count` at least. Deallocate with any count from the one to the other.
  [[nodiscard]] allocation_result<T*> allocate_at_least(std::size_t count) {
    T* const block = allocate(count);
    return {block, std::max(count, detail::usable_bytes(*pool_, block) / sizeof(T))};
  }

  template <class U>
  bool operator==(const allocator<U>& other) const noexcept {
    return pool_ == other.pool_;
  }

 private:
  template <class U>
  friend class allocator;

  detail::block_pool* pool_;
};

}  // namespace cistern::inline v0
