// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

class pool_state;

/// What a program did wrong, in one line on standard error that names the pool, the class and the address; then its end
/// by abort(). Allocate nothing and take no lock but that of the list of pools.
struct misuse {
  /// A block that cannot be put as one of `size_class`: says why not.
  [[noreturn]] static void put_of_no_block(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void put_twice(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void written_after_put(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void wrong_size(const pool_state& pool, const void* block, std::size_t bytes,
                                      std::size_t put_as) noexcept;
  [[noreturn]] static void overrun(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void not_out(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void has_owners(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void stale_handle(const pool_state& pool, const void* block, std::size_t bytes) noexcept;
  [[noreturn]] static void idle_twice(const void* block) noexcept;
  [[noreturn]] static void used_after_its_end(const pool_state& pool) noexcept;
};

}  // namespace cistern::inline v0::detail
