// SPDX-License-Identifier: MIT
#pragma once

#include "class_center.hpp"
#include "large_blocks.hpp"
#include "memory_source.hpp"
#include "unit_heap.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/thread_registry.hpp>
#include <cistern/pools/detail/block_pool.hpp>
#include <cistern/pools/pool_options.hpp>
#include <cistern/pools/pool_statistics.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace cistern::inline v0::detail {

/// What is behind a block_pool. It lies in memory of its upstream, and stays there after its pool has ended while
/// blocks of it are out: the last one that is put takes it along.
///
/// Lock order: pools (pool_list.cpp), caches_mutex_, a cache's own lock as a visitor, a class_center's, empties_mutex_,
/// the unit_heap's, large_blocks'. A thread holds its own cache's lock over no other.
class pool_state final : public block_pool, private ager {
 public:
  /// Throws std::invalid_argument that says which option is wrong, and std::bad_alloc.
  static pool_state* make(const pool_options& options);
  /// The pool's end: gives back all that is idle, and itself, unless blocks are out.
  void close() noexcept;

  static pool_state& of(block_pool& pool) noexcept { return static_cast<pool_state&>(pool); }
  static const pool_state& of(const block_pool& pool) noexcept { return static_cast<const pool_state&>(pool); }

  // Blocks: block_pool.cpp.
  void* get_slow(std::size_t size_class) noexcept;
  void put_slow(void* block, std::size_t size_class) noexcept;
  bool is_block(const void* block, std::size_t size_class) const noexcept;
  /// What block_map knows of an address, as a class of this pool; class_count() when it is none of its.
  std::size_t class_of(const void* block) const noexcept;
  /// A class for this size and alignment, exactly; class_count() when only the upstream has such blocks.
  std::size_t class_for(std::size_t bytes, std::size_t alignment) const noexcept;
  std::size_t plain_class_of_any(const void* block) const noexcept;  // for buffer
  std::size_t class_count() const noexcept { return classes_.count(); }
  std::size_t class_bytes(std::size_t size_class) const noexcept { return stride_[size_class]; }

  // Blocks of the upstream: pool_large.cpp.
  void* get_large(std::size_t bytes, std::size_t alignment) noexcept;
  /// False when the pool knows no such block.
  bool put_large(void* block, std::size_t bytes, bool sized) noexcept;
  std::size_t large_bytes(const void* block) noexcept;  // 0 for an unknown one
  bool resize_large(void* block, std::size_t bytes) noexcept;

  // Blocks with what costs time: pool_special.cpp.
  void* get_special(std::size_t bytes, std::size_t alignment) noexcept;
  void put_special(void* block, std::size_t bytes, bool sized, std::size_t size_class) noexcept;
  std::size_t special_bytes(const void* block, std::size_t size_class) const noexcept;

  // Ageing: pool_ageing.cpp.
  void trim() noexcept;
  void evict() noexcept;

  pool_statistics statistics() noexcept;  // pool_statistics.cpp

  const char* name() const noexcept { return name_.data(); }
  std::uint32_t number() const noexcept { return number_; }
  const pool_options& options() const noexcept { return options_; }
  const size_class_table& classes() const noexcept { return classes_; }
  bool is_special() const noexcept {
    return options_.zero_on_get || options_.zero_on_put || options_.canaries || options_.quarantine_bytes != 0;
  }
  memory_source& source() noexcept { return source_; }

  pool_state* next_pool = nullptr;  // guarded by the list of pools
  void* face = nullptr;             // the bucket_pool, while there is one

 private:
  pool_state(const pool_options& options, std::pmr::memory_resource& upstream);
  ~pool_state();
  void destroy() noexcept;

  // Caches: pool_caches.cpp.
  thread_cache* cache_of_this_thread() noexcept;
  thread_cache* adopt_or_make() noexcept;
  static void on_thread_exit(void* self, void* value) noexcept;
  void disown(thread_cache& cache) noexcept;
  void list(thread_cache& cache) noexcept;
  void unlist(thread_cache& cache) noexcept;
  void free_cache(thread_cache& cache) noexcept;

  void* get_cached(thread_cache& cache, std::size_t size_class) noexcept;
  void* refill(thread_cache& cache, std::size_t size_class, void** empty) noexcept;
  void* get_uncached(std::size_t size_class) noexcept;
  void* get_once(std::size_t size_class) noexcept;
  void* get_when_full(std::size_t size_class) noexcept;
  void put_cached(thread_cache& cache, void* block, std::size_t size_class) noexcept;
  void put_uncached(void* block, std::size_t size_class) noexcept;
  void give_to_depot(magazine& with, void** top, std::size_t size_class) noexcept;
  magazine* take_empty() noexcept;
  void give_empty(void** top) noexcept;
  void something_is_idle() noexcept;
  bool wait_a_little(sync::clock::time_point deadline) noexcept;

  bool age(age_level level) noexcept override;
  bool take_back_from_threads(bool all) noexcept;
  bool look_at(thread_cache& cache, bool all, bool& left) noexcept;
  static bool is_still(const thread_cache& cache, std::size_t size_class) noexcept;
  static bool is_empty(const thread_cache& cache) noexcept;
  void take_notice(thread_cache& cache) noexcept;
  void take_back(thread_cache& cache, bool all, magazine_stack& taken) noexcept;
  void take_top(sync::atomic<void**>& from, std::size_t size_class, magazine_stack& taken) noexcept;
  void dissolve_all(magazine_stack& taken) noexcept;
  void dissolve_depots(bool all) noexcept;
  void shrink_empties(bool all) noexcept;

  void* get_guarded(std::size_t bytes, std::size_t alignment) noexcept;
  void put_guarded(const large_blocks::record& gone) noexcept;
  void* try_large(std::size_t bytes, std::size_t alignment) noexcept;
  void rest(void* block, std::size_t size_class) noexcept;
  void leave_quarantine(void* block, std::size_t size_class) noexcept;
  void empty_quarantine() noexcept;
  void gone_after_end() noexcept;
  std::uint64_t canary_of(const void* block) const noexcept { return ~idle_word(block); }

  std::size_t live_blocks() noexcept;
  void report_blocks_out() noexcept;

  void before_fork() noexcept;
  void after_fork() noexcept;
  void child_of_fork() noexcept;

  class_center& center(std::size_t size_class) noexcept { return centers_[size_class]; }
  class_center& magazine_center() noexcept { return centers_[classes_.count()]; }

  // Constant after construction.
  pool_options options_;
  size_class_table classes_;
  std::array<char, 32> name_{};
  std::uint32_t number_;
  thread_registry::instance instance_;
  bool light_ = false;
  class_center* centers_ = nullptr;

  memory_source source_;
  unit_heap heap_;
  large_blocks large_;
  fork_handler at_fork_;

  mutex caches_mutex_;
  // Guarded by caches_mutex_.
  thread_cache* caches_ = nullptr;
  bool closed_ = false;
  std::uint64_t past_gets_[size_class_table::max_count] = {};  // of caches that have been freed

  mutex empties_mutex_;
  // Guarded by empties_mutex_.
  magazine_stack empties_;
  std::size_t fewest_empties_ = 0;

  // Blocks that rest, the oldest first; nullptr without a quarantine.
  struct quarantine {
    static constexpr std::size_t size = 4096;
    mutex lock;
    std::size_t first = 0, count = 0, bytes = 0;
    struct entry {
      void* block;
      std::size_t size_class;
    } entries[size];
  };
  quarantine* quarantine_ = nullptr;

  // Mappings of guarded blocks that have been put: untouchable until others take their place.
  struct guarded_past {
    static constexpr std::size_t size = 64;
    mutex lock;
    std::size_t next = 0;
    struct mapping {
      void* base;
      std::size_t bytes;
    } mappings[size] = {};
  };
  guarded_past guarded_;

  sync::atomic<std::uint64_t> guard_countdown_{0};
  sync::atomic<std::size_t> idle_bytes_{0};      // in the depot; counted only where there is a limit
  sync::atomic<std::size_t> blocks_out_{0};      // of a pool that has ended
  sync::atomic<std::uint32_t> came_back_{0};     // flushes so far; who waits for memory parks on it
  sync::atomic<std::uint32_t> waiting_{0};
  sync::atomic<std::uint64_t> ticks_{0}, waits_{0}, failures_{0}, lost_at_fork_{0};
};

}  // namespace cistern::inline v0::detail
