// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/pools/detail/object_store.hpp>

#include <cstddef>
#include <unordered_map>

namespace cistern::inline v0::detail {

/// Where the objects of a pool that are out were taken. Threads: any.
class object_store::site_table {
 public:
  void record(const void* cell, const source_site& from);  ///< throws std::bad_alloc
  void forget(const void* cell) noexcept;
  /// "; taken at a.cpp:12, b.cpp:7 (3 times), ..." for as many as there is room for.
  void say(char* line, std::size_t room) noexcept;

  void lock_for_fork() noexcept { lock_.lock(); }
  void unlock_after_fork() noexcept { lock_.unlock(); }

 private:
  mutex lock_;
  std::unordered_map<const void*, source_site> sites_;
};

}  // namespace cistern::inline v0::detail
