// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/export.hpp>

#include <cstddef>

namespace cistern::inline v0 {

/// Which pages the memory of a pages_backend is made of. Blocks below 2 MiB are of ordinary pages under every policy.
enum class page_policy : unsigned char {
  normal,            ///< ordinary pages
  transparent_huge,  ///< aligned to 2 MiB and advised: the kernel makes huge pages of it where it can
  explicit_huge,     ///< from the system's pool of 2 MiB pages (vm.nr_hugepages); else as transparent_huge, counted
};

/// Memory straight from the system: every block is a mapping of its own, and goes back when it is freed.
///
/// For few and large blocks: the spans of pools, arenas, buffers of many pages. Not for small ones: each costs a page
/// at least, two system calls of about a microsecond, and a fault for each page that is touched. Memory is zero when
/// it comes. Blocks grow in place only where the addresses behind them happen to be free.
///
/// A value: the policy. Backends of one policy are equal. In the registry as "pages", "pages-thp" and "pages-huge".
/// Every alignment that is a power of two is served. Statistics count this policy's blocks in the whole process;
/// resident bytes are not known.
class CISTERN_EXPORT pages_backend {
 public:
  constexpr explicit pages_backend(page_policy policy = page_policy::normal) noexcept : policy_(policy) {}

  void* allocate(std::size_t bytes, std::size_t alignment) const noexcept;
  void deallocate(void* block, std::size_t bytes, std::size_t alignment) const noexcept;
  std::size_t good_size(std::size_t bytes) const noexcept;
  static constexpr std::size_t usable_size(void* /*block*/) noexcept { return 0; }
  bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes, std::size_t alignment) const noexcept;
  static constexpr void trim() noexcept {}  // nothing is kept
  backend_statistics statistics() const;
  std::string_view name() const noexcept;
  static std::string version() { return {}; }

  constexpr page_policy policy() const noexcept { return policy_; }

  /// How many blocks, since the process began, did not get the huge pages that this policy asks for: the pool was
  /// empty (explicit_huge), or the kernel knows no transparent ones.
  std::size_t fallbacks() const noexcept;

  friend constexpr bool operator==(pages_backend, pages_backend) noexcept = default;

 private:
  page_policy policy_;
};

static_assert(memory_backend<pages_backend>);

}  // namespace cistern::inline v0
