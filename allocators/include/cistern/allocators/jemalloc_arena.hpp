// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace cistern::inline v0 {

/// An arena of jemalloc for one part of a program: its memory is counted apart, given back apart, and goes all at once.
/// Link cistern::jemalloc; where jemalloc is not installed, that target does not exist.
///
/// Good under a pool, a cache or a plug-in whose memory someone will ask about. Not for single small blocks on a hot
/// path: it bypasses jemalloc's thread caches, so each call takes a lock of the arena (some 80 ns, "own" in
/// perf/allocators/backends_bench.cpp). That is deliberate:
/// a block in a thread's cache would count as live, would not be purged, and would be handed out again after reset().
/// Use jemalloc_backend for speed, or a pool over this.
///
/// Thread-safe, but for reset() and the destructor: no other call may run meanwhile. Fork-safe as jemalloc is. Owns
/// all blocks that came from it: they end with the arena, or with reset(). It equals only itself. A process may have
/// some 4,000 arenas at once; each costs some tens of KiB.
class CISTERN_EXPORT jemalloc_arena final : public backend_resource {
 public:
  /// Throws std::runtime_error when jemalloc gives no further arena.
  jemalloc_arena();
  jemalloc_arena(const jemalloc_arena&) = delete;
  jemalloc_arena& operator=(const jemalloc_arena&) = delete;
  ~jemalloc_arena() override;

  /// Gives all free pages of the arena back to the system, at once instead of by decay.
  void purge() noexcept;

  /// Frees every block of the arena. Nobody may use or free one of them afterwards.
  void reset() noexcept;

  /// Of this arena alone: live bytes, exact; mapped and resident bytes, the arena's own records included. Takes some
  /// 100 us: jemalloc brings the numbers of all arenas up to date.
  backend_statistics statistics() const override;

  std::size_t good_size(std::size_t bytes) const noexcept override;
  std::size_t usable_size(void* block) const noexcept override;
  bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes, std::size_t alignment) noexcept override;
  void trim() noexcept override { purge(); }
  std::string_view name() const noexcept override { return "jemalloc-arena"; }
  std::string version() const override;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  unsigned index_;
  int flags_;  // of every allocation: this arena, no thread cache
};

}  // namespace cistern::inline v0
