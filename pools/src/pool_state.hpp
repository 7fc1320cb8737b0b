// SPDX-License-Identifier: MIT
#pragma once

#include "class_center.hpp"
#include "large_blocks.hpp"
#include "memory_source.hpp"
#include "unit_heap.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/thread_registry.hpp>
#include <cistern/pools/detail/block_pool.hpp>
#include <cistern/pools/detail/object_store.hpp>
#include <cistern/pools/pool_options.hpp>
#include <cistern/pools/pool_statistics.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace cistern::inline v0::detail {

/// What is behind a block_pool. It lies in memory of its upstream, and stays there after its pool has ended while
/// blocks of it are out: the last one that is put takes it along. So do the caches of threads, for a put that began
/// before the end may not have come to its magazine yet.
///
/// Lock order: pools (pool_list.cpp), caches_mutex_, a cache's own, a class_center's, empties_mutex_,
/// the unit_heap's, large_blocks'.
class pool_state final : public object_store, private ager {
 public:
  /// Throws std::invalid_argument that says which option is wrong, and std::bad_alloc.
  static pool_state* make(const pool_options& options);
  struct object_setup {
    object_type type;
    const object_pool_options* options;
    void* hooks;
    site_table* sites;
  };
  static pool_state* make_for_objects(const object_setup& objects);
  /// The pool's end: gives back all that is idle, and itself, unless blocks are out.
  void close() noexcept;

  /// Who holds one may touch the pool though none of its blocks is out.
  class share {
   public:
    explicit share(pool_state& of) noexcept : of_(of) { of.shares_.fetch_add(1, std::memory_order_relaxed); }
    ~share() { of_.let_go(); }
    share(const share&) = delete;
    share& operator=(const share&) = delete;

   private:
    pool_state& of_;
  };

  /// What goes with the pool itself, with the last of its blocks. Before the pool is used.
  struct companion {
    void* what;
    void (*free)(void* what) noexcept;
  };
  void set_companion(const companion& with) noexcept { companion_ = with; }
  /// Blocks above that leave at the next tick, used or not.
  void set_common(std::size_t bytes) noexcept { common_bytes_.store(bytes, std::memory_order_relaxed); }

  // A pool that has ended, found in the list of pools.
  bool has_ended() const noexcept { return ended_.load(std::memory_order_relaxed); }
  /// Blocks were out as it ended. Else its destructor frees it, and nobody visits it: its upstream may go at once.
  bool is_left() const noexcept { return is_left_.load(std::memory_order_relaxed); }
  /// Of one that is left. False when it is on its way out. With the list locked; visit() has to follow.
  bool prepare_visit() noexcept;
  /// Gives back what has come into its magazines since it ended, and itself if nothing is out any more. False for one
  /// that has been visited often enough.
  bool visit() noexcept;

  static pool_state& of(block_pool& pool) noexcept { return static_cast<pool_state&>(pool); }
  static const pool_state& of(const block_pool& pool) noexcept { return static_cast<const pool_state&>(pool); }

  // Blocks: block_pool.cpp.
  bool becomes_hot() noexcept;  // false if it is this thread's hot pool already, or cannot be
  void* get_slow(std::size_t step) noexcept;
  void put_slow(void* block, std::size_t step) noexcept;
  bool is_block(const void* block, std::size_t step) const noexcept;
  /// The step of the class of which a block would have to be at this address; size_step::count when it is none of ours.
  std::size_t step_of(const void* block) const noexcept;
  /// The step for this size and alignment; size_step::count when only the upstream has such blocks.
  std::size_t step_for(std::size_t bytes, std::size_t alignment) const noexcept;
  bool same_class(std::size_t a, std::size_t b) const noexcept {
    return a != size_step::count && b != size_step::count && class_at_[a] == class_at_[b];
  }
  std::size_t class_count() const noexcept { return classes_.count(); }
  std::size_t class_bytes(std::size_t step) const noexcept { return stride_[step]; }
  bool is_plain() const noexcept { return plain_pool_ == number_; }

  // Blocks of the upstream: pool_large.cpp.
  void* get_large(std::size_t bytes, std::size_t alignment) noexcept;
  /// False when the pool knows no such block.
  bool put_large(void* block, std::size_t bytes, bool sized) noexcept;
  bool find_large(const void* block, std::size_t& bytes) noexcept;
  const large_blocks& large() const noexcept { return large_; }
  bool resize_large(void* block, std::size_t bytes) noexcept;

  // Blocks with what costs time: pool_special.cpp.
  void* get_special(std::size_t bytes, std::size_t alignment) noexcept;
  void put_special(void* block, std::size_t bytes, bool sized, std::size_t step) noexcept;
  std::size_t special_bytes(const void* block, std::size_t step) const noexcept;

  // Objects: pool_objects.cpp.
  bool is_for_objects() const noexcept { return type_.drop != nullptr; }
  const object_type& type() const noexcept { return type_; }
  object_cell* take_object(bool thoroughly) noexcept;
  claim room_for_one() noexcept;
  claim room_for_idle() noexcept;
  bool is_moving() const noexcept { return objects_.moving.load(std::memory_order_relaxed) != 0; }
  claim claim_once() noexcept;
  claim claim_until(sync::clock::time_point deadline) noexcept;
  void put_object(void* cell) noexcept;
  void destroy_object(object_cell& cell) noexcept;
  void room_is_back(void* cell) noexcept;
  void close_objects() noexcept;
  object_pool_statistics object_numbers();
  std::uint64_t gets_from_bins() noexcept;
  sync::clock::time_point object_deadline() const noexcept;
  std::string limit_text() const { return std::to_string(objects_.max_total); }
  void count_made_object(bool by_get) noexcept {
    objects_.made.fetch_add(1, std::memory_order_relaxed);
    if (by_get) objects_.misses.fetch_add(1, std::memory_order_relaxed);
  }
  void count_refused() noexcept { objects_.refused.fetch_add(1, std::memory_order_relaxed); }
  void count_failed() noexcept { objects_.failed.fetch_add(1, std::memory_order_relaxed); }

  // Ageing: pool_ageing.cpp.
  void trim() noexcept;
  void evict() noexcept;

  pool_statistics statistics();  // pool_statistics.cpp

  const char* name() const noexcept { return name_.data(); }
  std::uint32_t number() const noexcept { return number_; }
  const pool_options& options() const noexcept { return options_; }
  const size_class_table& classes() const noexcept { return classes_; }
  bool is_special() const noexcept {
    return options_.zero_on_get || options_.zero_on_put || options_.canaries || options_.quarantine_bytes != 0 ||
           options_.guard_one_in != 0;
  }
  memory_source& source() noexcept { return source_; }

  pool_state* next_pool = nullptr;  // guarded by the list of pools
  void* face = nullptr;             // the bucket_pool, while there is one; guarded likewise

 private:
  static pool_state* make(const pool_options& options, const object_setup* objects);
  [[noreturn]] static void bad_option(const std::string& what);
  static void check(const pool_options& options);
  pool_state(const pool_options& options, std::pmr::memory_resource& upstream, const object_setup* objects);
  ~pool_state();
  void destroy() noexcept;
  void give_back_own() noexcept;
  void lay_out_steps() noexcept;
  void give_step(std::size_t step, std::size_t size_class) noexcept;
  std::size_t bins_of(std::size_t size_class) const noexcept;
  void allow_inline_puts() noexcept;

  // Caches: pool_caches.cpp.
  thread_cache* cache_of_this_thread() noexcept;
  thread_cache* adopt_or_make() noexcept;
  static void on_thread_exit(void* self, void* value) noexcept;
  void disown(thread_cache& cache) noexcept;
  void list(thread_cache& cache) noexcept;
  void unlist(thread_cache& cache) noexcept;
  void free_cache(thread_cache& cache) noexcept;

  void* get_cached(thread_cache& cache, std::size_t step) noexcept;
  bool refill(loaded& now, thread_cache::shelf& own, class_center& from) noexcept;
  void* get_uncached(std::size_t step) noexcept;
  void* get_once(std::size_t step) noexcept;
  using attempt = void* (*)(pool_state& self, std::size_t what, std::size_t more) noexcept;
  void* by_policy(attempt once, std::size_t what, std::size_t more, bool may_wait) noexcept;
  bool others_may_give_back() const noexcept;
  void* wait_for(attempt once, std::size_t what, std::size_t more) noexcept;
  void put_cached(thread_cache& cache, void* block, std::size_t step) noexcept;
  void flush(loaded& now, thread_cache::shelf& own, class_center& to) noexcept;
  void give_back_empty(thread_cache& own) noexcept;
  void put_uncached(void* block, std::size_t step) noexcept;
  void give_to_depot(magazine& with, const loaded& blocks, class_center& to) noexcept;
  static loaded of(const thread_cache::bin& bin) noexcept;
  static void set(thread_cache::bin& bin, const loaded& to) noexcept;
  // Magazines for blocks of this class, and back from it: their room counts as idle bytes, full or not.
  magazine* take_empty(class_center& for_blocks) noexcept;
  void give_empty(magazine& gone, class_center& of_blocks) noexcept;
  void free_magazine(magazine& gone, class_center& of_blocks) noexcept;
  bool has_room(const class_center& for_blocks) const noexcept;
  bool count_room(const class_center& of_blocks) noexcept;
  void uncount_room(const class_center& of_blocks) noexcept;
  bool limits_idle() const noexcept { return options_.max_idle_bytes != memory_budget::unlimited; }
  void something_is_idle() noexcept;
  sync::clock::time_point wait_deadline() const noexcept;
  bool wait_a_little(sync::clock::time_point deadline) noexcept;

  bool age(age_level level) noexcept override;
  // What leaves magazines for spans. Blocks do at once; magazines of objects lie in objects_.leaving until no lock is
  // held any more, for their destructors are the user's.
  bool take_back_from_threads(bool all) noexcept;
  bool raise_limits(thread_cache& cache, bool all, bool& left) noexcept;
  bool take_below_limits(thread_cache& cache, bool all) noexcept;
  bool take_bin(thread_cache::bin& bin, class_center& to, bool all) noexcept;
  bool dissolve(magazine& gone, const loaded& blocks, class_center& to, bool all) noexcept;
  static void unclaim(thread_cache::bin& bin) noexcept;
  bool is_empty(thread_cache& cache) noexcept;
  bool dissolve_depots(bool all) noexcept;
  void shrink_empties(bool all) noexcept;
  bool is_rare(const class_center& blocks) const noexcept {
    return blocks.geometry().stride > common_bytes_.load(std::memory_order_relaxed);
  }
  bool puts_may_come() noexcept;

  void* get_guarded(std::size_t bytes, std::size_t alignment) noexcept;
  void put_guarded(const large_blocks::record& gone) noexcept;
  void* try_large(std::size_t bytes, std::size_t alignment) noexcept;
  void rest(void* block, std::size_t step) noexcept;
  void leave_quarantine(void* block, std::size_t step) noexcept;
  void empty_quarantine() noexcept;
  bool is_over() noexcept;
  void let_go() noexcept;
  std::uint64_t canary_of(const void* block) const noexcept { return ~idle_word(block); }

  void set_up(const object_setup& objects);
  bool has_inline_path() const noexcept { return !is_for_objects() || objects_.inline_path; }
  void say_sites(char* line, std::size_t room) noexcept;
  void** end_of_stale(void** from, void** end, bool all) const noexcept;
  void leave(magazine& with, const loaded& blocks) noexcept;
  void drop_leaving(std::size_t least) noexcept;
  void keep_least(std::size_t least) noexcept;
  std::size_t idle_objects() noexcept;
  void* from_depot() noexcept;
  void* take_from_others(thread_cache* mine, bool thoroughly) noexcept;
  loaded steal_from(thread_cache& other, bool whole_magazines) noexcept;
  void wait_for_puts(int change) noexcept;
  void tell_waiters() noexcept;
  void* object_of(object_cell& cell) const noexcept;
  void end_object(object_cell& cell) noexcept;
  std::uint16_t age_of(const void* cell) const noexcept;
  void uncount_idle(std::size_t count) noexcept;

  std::size_t live_blocks() noexcept;
  void report_blocks_out() noexcept;

  void before_fork() noexcept;
  void after_fork() noexcept;
  void child_of_fork() noexcept;

  class_center& center(std::size_t step) noexcept { return centers_[class_at_[step]]; }
  // Calls f(step) for each step that has a class.
  template <class F>
  void for_each_step(F f) const noexcept {
    for (std::size_t step = 0; step < steps_; ++step)
      if (class_at_[step] < class_count()) f(step);
  }
  class_center& magazine_center() noexcept { return centers_[classes_.count()]; }

  // Constant after construction.
  pool_options options_;
  size_class_table classes_;
  std::array<char, 32> name_{};
  std::uint32_t number_;
  thread_registry::instance instance_;
  bool light_ = false;
  std::uint8_t class_at_[size_step::count] = {};             // class_count(): none
  std::uint16_t step_at_[size_class_table::max_count] = {};  // that the blocks of a class are tagged with
  std::size_t steps_ = 0;                                    // none from here on has a class
  std::size_t bins_ = size_step::count;                      // of a cache: inline code may ask for any step
  class_center* centers_ = nullptr;                          // and one more, for magazines

  memory_source source_;
  unit_heap heap_;
  unit_heap magazine_heap_;  // so that the few magazines that threads keep hold no large chunks
  large_blocks large_;
  fork_handler at_fork_;

  mutex caches_mutex_;
  // Guarded by caches_mutex_.
  thread_cache* caches_ = nullptr;
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
      std::size_t step;
      std::size_t stride;
    } entries[size];

    entry take() noexcept {
      const entry oldest = entries[first];
      first = (first + 1) % size;
      --count;
      bytes -= oldest.stride;
      return oldest;
    }
    void add(const entry& newest) noexcept {
      entries[(first + count) % size] = newest;
      ++count;
      bytes += newest.stride;
    }
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

  // Objects.
  object_type type_{};  // of bytes: without a drop
  struct object_part {
    std::size_t max_total = object_pool_options::no_limit, max_idle = object_pool_options::no_limit, min_idle = 0;
    std::chrono::nanoseconds max_wait{0};
    bool by_each = false;  // object_ageing::two_ticks
    // Guarded by caches_mutex_.
    magazine_stack leaving;  // for spans; their objects are destroyed on the way
    int waiting = 0;         // threads, for puts; while there is any, there is no inline path
    bool inline_path = false;
    sync::atomic<bool> closed{false};
    sync::atomic<std::size_t> total{0}, most{0};
    sync::atomic<std::size_t> idle{0};    // counted only where there is a limit
    sync::atomic<std::size_t> moving{0};  // in `leaving`, or about to be destroyed
    sync::atomic<std::uint64_t> rooms{0}, made{0}, misses{0}, dropped{0}, refused{0}, aged{0}, failed{0};
    sync::atomic<std::uint64_t> steals{0}, victim_hits{0}, uncached_hits{0};
  };
  object_part objects_;

  sync::atomic<std::uint64_t> guard_countdown_{0};
  companion companion_{};
  sync::atomic<std::size_t> common_bytes_{SIZE_MAX};
  sync::atomic<std::size_t> idle_bytes_{0};  // room in magazines with blocks; counted only where there is a limit
  sync::atomic<bool> ended_{false};          // nobody begins to use its cache any more
  sync::atomic<bool> is_left_{false};
  static constexpr std::uint64_t over = std::uint64_t{1} << 62;
  sync::atomic<std::uint64_t> shares_{0};     // and `over`, once nothing is out of a pool that has ended: see let_go()
  sync::atomic<std::uint32_t> visits_{0};     // since it ended
  sync::atomic<std::uint32_t> came_back_{0};  // flushes so far; who waits for memory parks on it
  sync::atomic<std::uint32_t> waiting_{0};
  sync::atomic<std::uint64_t> ticks_{0}, waits_{0}, failures_{0};
};

}  // namespace cistern::inline v0::detail
