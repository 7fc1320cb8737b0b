// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace cistern::inline v0 {

/// Where the buffers of a uring_buffer_pool are, all as of one moment: total = free + held + in_flight + lent.
struct uring_pool_statistics {
  std::string name;
  std::size_t total;
  std::size_t free;
  std::size_t held;         ///< in handles: of the pool, and of a uring_buffer_ring's arrivals
  std::size_t in_flight;    ///< in operations that have not completed
  std::size_t lent;         ///< in rings of provided buffers, for the kernel to choose
  std::uint64_t gets;       ///< buffers handed out to handles by get and try_get
  std::uint64_t exhausted;  ///< gets that found none free
  std::size_t bytes_each;
  bool registered;
};

/// Likewise of a uring_buffer_ring: total = lent + held.
struct uring_ring_statistics {
  std::string name;  ///< the pool's
  std::uint16_t group;
  std::size_t total;
  std::size_t lent;         ///< with the kernel; also what it has filled and take() has not been told of
  std::size_t held;         ///< in handles
  std::size_t operations;   ///< begun and not ended
  std::uint64_t arrivals;   ///< completions with a buffer
  std::uint64_t exhausted;  ///< completions that say that the kernel found no buffer (ENOBUFS)
};

/// One line for people.
CISTERN_EXPORT std::string to_string(const uring_pool_statistics& statistics);
CISTERN_EXPORT std::string to_string(const uring_ring_statistics& statistics);

}  // namespace cistern::inline v0
