// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/permits.hpp>
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/detail/task_queue.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/detail/worker.hpp>
#include <cistern/workers/task.hpp>
#include <cistern/workers/worker_pool_options.hpp>
#include <cistern/workers/worker_pool_statistics.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <memory_resource>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sched.h>
#include <signal.h>

namespace cistern::inline v0 {

class worker_pool;

namespace detail {

/// How many workers could be woken (or started), and how many look for work: one word, see crew.cpp. And an era: a tick
/// that finds tasks waiting begins the next one, in which those who searched before, and may stand still, do not count.
class idle_word {
 public:
  static constexpr std::uint64_t one_searcher = 1;
  static constexpr std::uint64_t one_wakeable = std::uint64_t{1} << 32;

  constexpr explicit idle_word(std::uint64_t word) noexcept : word_(word) {}
  std::uint32_t wakeable() const noexcept { return static_cast<std::uint32_t>(word_ >> 32); }
  std::uint32_t searchers() const noexcept { return static_cast<std::uint16_t>(word_); }
  std::uint32_t era() const noexcept { return static_cast<std::uint16_t>(word_ >> 16); }
  std::uint64_t in_next_era() const noexcept {
    return std::uint64_t{wakeable()} << 32 | std::uint64_t{static_cast<std::uint16_t>(era() + 1)} << 16;
  }

 private:
  std::uint64_t word_;
};

/// What a worker_pool consists of: its workers, where their tasks wait, who sleeps, and how they are told to stop.
/// Little is inline: what a group does to put a task into its worker's deque.
class CISTERN_EXPORT crew final : private ager {
 public:
  /// Throws what worker_pool's constructor throws.
  crew(const worker_pool_options& options, worker_pool* of);
  ~crew();
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  /// As the pool is destroyed. Ends the program on one of its own workers.
  void end() noexcept;  // NOLINT(bugprone-exception-escape): what stop() throws, it throws to workers only

  // Putting tasks in.

  /// The calling thread's worker, if it is one of this crew.
  worker* own_worker() const noexcept {
    worker* const mine = place().thread;
    return mine != nullptr && &mine->pool == this ? mine : nullptr;
  }

  /// For a task that needs none of the pool's ways with a full queue: into the worker's own deque from within, into the
  /// shared queue from outside. Never blocks, but for a mutex now and then. Throws std::bad_alloc where times are
  /// measured, and for a thread's first place in the epoch domain; and what the filler throws.
  submission try_put(const erased_filler& filler);
  /// With the pool's ways or the submission's, which may be to wait, or to run it on this thread. Throws std::bad_alloc
  /// also where something is to be looked at when the task's turn comes.
  submission put(const erased_filler& filler, const submit_options* how);

  /// The worker's own deque: never full. What runs meanwhile may go on submitting until the pool discards.
  template <class Filler>
  submission put_inside(worker& mine, Filler& filler) {
    if (orders() >= order::discard) [[unlikely]]
      return refused(submission::stopped);
    task_node* const node = make_node(filler);
    if (node == nullptr) [[unlikely]]
      return refused(submission::no_memory);
    mine.submitted.add();
    if (!mine.deque.push(node)) [[unlikely]]
      hand_over(node);
    notify();
    return submission::accepted;
  }

  /// Wakes or starts a worker if that is needed, after something was put where workers look.
  void notify() noexcept {
    // [n] pairs with [s]: either this sees that somebody can be woken, or whoever made that so sees the task.
    if (idle_word(asymmetric_fence::light_fence_then_load(idle_, light_)).wakeable() == 0) [[likely]]
      return;
    // [m] pairs with [e]: either this sees no searcher, or the last one looks again after this.
    const idle_word idle(sync::fence_then_load(idle_));
    if (idle.searchers() == 0 && idle.wakeable() != 0) wake_one();
  }

  // For waits of a worker.

  /// Puts a task where any worker finds it, and who waits for its group; past bounds, and whether or not the queue is
  /// closed.
  void hand_over(task_node* node) noexcept;
  task_node* take_handed_over_of(group_core& group) noexcept;
  /// Runs it as a task of the worker, from a wait within another one, and frees it.
  void run_node(worker& mine, task_node* node) noexcept;
  void free_node(task_node* node) noexcept {
    std::destroy_at(node);
    memory_.deallocate(node, sizeof(task_node), alignof(task_node));
  }
  /// Runs a task on a thread that is none of the workers, and says how it ended: with an arena, exceptions to the
  /// handler. It `counts` if it is among the submitted ones.
  task_end run_as_guest(task& work, bool counts = false) noexcept;

  // For groups, from outside: their tasks are past the bounds too, since who waits for them runs them.

  submission refused_with(submission why) noexcept { return refused(why); }
  void count_group_submission(worker* mine) noexcept;
  /// A node with the filler's task, for hand_over(); nullptr when there is no memory.
  template <class Filler>
  task_node* make_node(Filler& filler) {
    std::unique_ptr<void, freed_node> block(memory_.try_allocate(sizeof(task_node), alignof(task_node)),
                                            freed_node{memory_});
    if (block == nullptr) [[unlikely]]
      return nullptr;
    auto* const node = ::new (block.get()) task_node;
    node->work.fill(filler);
    static_cast<void>(block.release());
    return node;
  }
  /// On a thread that is none of the workers, and frees it.
  void run_node_as_guest(task_node* node) noexcept;
  /// Tasks that a limited group keeps back: one more, or one less.
  void count_held(bool is_held) noexcept {
    held_.fetch_add(is_held ? 1 : ~std::uint64_t{0}, std::memory_order_relaxed);  // wraps as it should
  }
  /// A group lives that no worker has made.
  void count_outside_group(bool is_new) noexcept {
    outside_groups_.fetch_add(is_new ? 1 : ~std::uint64_t{0}, std::memory_order_relaxed);  // wraps as it should
  }
  bool discards() const noexcept { return orders() >= order::discard; }
  bool fence_is_light() const noexcept { return light_; }
  worker* worker_at(std::size_t index) const noexcept;
  std::size_t places() const noexcept;  ///< workers there have been at a time; indices are below

  // Control. Moments are of sync::clock.

  void pause() noexcept;
  void resume() noexcept;
  bool wait_until_quiet(bool and_empty, sync::clock::time_point deadline);
  void resize(std::size_t min_workers, std::size_t max_workers);
  void request_stop(bool discard) noexcept;
  stop_report stop(bool discard, sync::clock::time_point deadline);
  void restart();

  // What it says of itself.

  worker_pool_statistics statistics() const;
  std::vector<running_task> running_tasks() const;
  std::string_view name() const noexcept { return name_; }
  worker_pool* pool() const noexcept { return owner_; }
  std::stop_token stop_token() const;
  bool is_stopped() const noexcept { return orders() >= order::drain; }
  /// For a choice among pools: tasks that wait, but for those in workers' deques, and workers that neither sleep nor
  /// look for work. A mutex and some loads.
  std::size_t load() const noexcept;
  /// A submission would be accepted without a wait just now. Two loads.
  bool has_room() const noexcept { return !is_stopped() && (!is_bounded_ || room_.looks_free()); }
  bool is_forked() const noexcept { return is_forked_.load(std::memory_order_relaxed); }
  bool measures() const noexcept { return measures_; }
  std::chrono::nanoseconds spin() const noexcept { return spin_; }

  std::string title() const;                                                              ///< for messages
  [[noreturn]] void refuse(submission why) const;                                         ///< throws what says so
  void report_failure(const source_site& site, const std::exception_ptr& what) noexcept;  ///< to the handler

  /// Makes threads; tests put one here that fails.
  using thread_maker = int (*)(pthread_t*, void* (*)(void*), void*);
  static constinit sync::atomic<thread_maker> make_thread;

  /// The worker's running: marks a word of a site as that of a running task, also where there is no site.
  static constexpr std::uint64_t running_mark = std::uint64_t{1} << 47;

  // On the worker's thread; in tests on one that stands for it.
  void run_worker(worker& mine) noexcept;

 private:
  struct freed_node {
    void operator()(void* block) const noexcept { memory.deallocate(block, sizeof(task_node), alignof(task_node)); }
    bucket_pool& memory;
  };

  /// What workers look at between two tasks. In the order in which they become worse.
  enum class order : std::uint32_t {
    none = 0,
    look = 1,     ///< paused, or too many
    drain = 2,    ///< end when nothing is left
    discard = 3,  ///< drop what is left, and end
  };
  order orders() const noexcept { return static_cast<order>(orders_.load(std::memory_order_acquire)); }
  void set_orders() noexcept;

  struct worker_table {
    std::size_t count;
    std::unique_ptr<worker*[]> at;
  };

  struct checked_tag {};
  crew(const worker_pool_options& options, worker_pool* of, checked_tag);

  template <class Put>
  submission put_copy(const erased_filler& filler, Put&& put);
  template <class Put>
  submission put_checked(const erased_filler& filler, const submit_options* how, Put&& put);
  submission put_as_it_is(const erased_filler& filler, const submit_options* how);
  submission put_outside(const erased_filler& filler);
  submission refused(submission why) noexcept;
  submission wait_for_room(const submit_options* how);
  bool spin_for_room(sync::clock::time_point deadline) noexcept;
  bool drop_oldest();

  // A worker's life.
  void work(worker& mine) noexcept;
  bool obey(worker& mine) noexcept;
  bool run_next(worker& mine) noexcept;
  bool run_from_outside(worker& mine) noexcept;
  bool run_from_elsewhere(worker& mine) noexcept;
  void run_taken(worker& mine, task_node* node) noexcept;
  task_node* take_handed_over() noexcept;
  void unlink_handed_over(task_node* node) noexcept;
  task_node* steal(worker& mine) noexcept;
  void run(worker& mine, task& work) noexcept;
  void run_watched(worker& mine, task& work) noexcept;
  static void count_end(worker& mine) noexcept;
  void report(worker& mine, const source_site& site, const std::exception_ptr& what) noexcept;
  bool search(worker& mine) noexcept;
  void end_search(worker& mine) noexcept;
  bool sleep(worker& mine) noexcept;
  bool may_end(worker& mine) noexcept;
  bool sees_work(const worker& mine) const noexcept;

  // With mutex_ held.
  void enter_sleepers(worker& mine) noexcept;
  void leave_sleepers(worker& mine) noexcept;
  void rouse(worker& sleeper, bool as_searcher) noexcept;
  bool set_startable() noexcept;
  worker* take_place();
  void add_place();
  void tell_waiters() noexcept;
  void rouse_all() noexcept;
  void end_pause() noexcept;

  void wake_one() noexcept;
  void check_after_room_for_wakes() noexcept;
  bool has_work() const noexcept;
  static void searches(worker& mine, std::uint64_t before) noexcept;
  std::uint64_t counted_as_searcher(worker& mine) noexcept;
  void count_searchers_off() noexcept;
  bool start(worker& mine) noexcept;
  void start_failed(worker& mine) noexcept;
  void thread_failed(worker& mine) noexcept;
  void thread_ended(worker& mine) noexcept;
  void join_ended() noexcept;
  bool try_join_ended() noexcept;
  static void join_gone(worker& place) noexcept;
  static bool see_running(worker& mine, sync::clock::time_point now) noexcept;
  void name_thread(const worker& mine) noexcept;
  static void* thread_main(void* mine) noexcept;
  bool start_another() noexcept;
  bool start_drainer() noexcept;
  void take_down() noexcept;
  void enter_guests(guest_run& self) noexcept;
  void leave_guests(guest_run& self) noexcept;
  bool is_guest() const noexcept;
  template <class Done>
  bool wait_for_turn(Done&& done, sync::clock::time_point deadline);
  bool is_discarding() const noexcept;
  void discard_queued() noexcept;
  void discard_deques() noexcept;
  void refuse_own_worker(const char* what) const;

  bool age(age_level level) noexcept override;
  void prepare_fork() noexcept;
  void after_fork(bool is_child) noexcept;

  // Constant.
  worker_pool* const owner_;
  bucket_pool& memory_;
  const bool is_bounded_, is_direct_, light_, measures_;
  worker_observer* const observer_;
  const std::chrono::nanoseconds spin_, idle_timeout_;
  const overflow when_full_;
  const std::chrono::nanoseconds max_wait_;
  const std::size_t bound_;
  const worker_affinity affinity_;
  cpu_set_t processors_{};  // where the constructor's thread may run, and the signals that it blocks: not those of
  sigset_t signals_{};      // whichever thread happens to start a worker
  const arena_options arena_options_;
  std::pmr::memory_resource& queue_upstream_;
  const std::function<void(std::exception_ptr, const source_site&)> on_exception_;
  const std::string name_;
  fork_handler at_fork_;

  // Read by all, seldom written, with mutex_ held.
  alignas(128) sync::atomic<std::uint32_t> orders_{0};
  sync::atomic<const worker_table*> table_{nullptr};
  sync::atomic<bool> is_forked_{false};

  alignas(128) sync::atomic<std::uint64_t> idle_{0};  // an idle_word
  task_queue queue_;
  permits room_;
  sync::atomic<std::uint32_t> handed_over_{0};  // how many there are

  // Counted by any thread.
  alignas(128) sync::atomic<std::uint64_t> rejected_{0}, timed_out_{0}, ran_here_{0}, dropped_{0},
      discarded_{0}, wakes_{0}, failed_starts_{0};
  // By threads that wait for groups from outside.
  sync::atomic<std::uint64_t> group_submitted_{0}, guest_started_{0}, guest_finished_{0}, guest_failed_{0},
      guest_cancelled_{0};
  sync::atomic<std::uint64_t> held_{0};            // by limited groups
  sync::atomic<std::uint64_t> outside_groups_{0};  // that were not made by a worker, and live

  alignas(128) mutable mutex mutex_;
  // Guarded by mutex_.
  bool draining_ = false, discarding_ = false, paused_ = false;
  std::size_t min_workers_, max_workers_;
  std::size_t threads_ = 0;  // that live, or are being started
  std::size_t leaving_ = 0;  // of them, those that are about to end
  std::size_t sleeping_ = 0;
  std::size_t joining_ = 0;     // threads that have ended, and are being joined
  std::size_t startable_ = 0;   // counted in idle_
  bool starts_failed_ = false;  // until the next tick
  guest_run* guests_ = nullptr;
  worker* warmest_ = nullptr;
  worker* coldest_ = nullptr;
  sync::clock::time_point last_retired_{};
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::unique_ptr<worker_table>> tables_;  // the last one is in use, the others may be read still
  std::stop_source stop_source_;
  std::size_t most_threads_ = 0;
  std::uint64_t discarded_earlier_ = 0;  // before the last restart

  alignas(128) mutable mutex handed_mutex_;  // after mutex_
  // Guarded by handed_mutex_, as are the lists that groups have of their own among them.
  task_node* first_handed_ = nullptr;
  task_node* last_handed_ = nullptr;

  // Bumped when a worker goes to sleep or ends, for those who wait for that.
  sync::atomic<std::uint32_t> turns_{0};
  sync::atomic<std::uint32_t> turn_waiters_{0};

  mutable mutex failures_mutex_;
  std::array<failed_task, 8> failures_;  // guarded by failures_mutex_; the last ones, in a ring
  std::uint64_t failure_count_ = 0;
};

/// The arena of a thread that runs tasks without being a worker. Throws std::bad_alloc.
CISTERN_EXPORT arena& guest_arena();

}  // namespace detail
}  // namespace cistern::inline v0
