// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/detail/result_state.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/detail/worker.hpp>
#include <cistern/workers/task_group_options.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <vector>

namespace cistern::inline v0::detail {

/// What a task_group consists of: how many of its tasks have not ended, what became of those that have, and who waits.
/// See task_group.cpp.
class CISTERN_EXPORT group_core {
 public:
  /// With the options of a default group. Allocates nothing.
  explicit group_core(crew& pool) noexcept : pool_(pool), parent_(place().group), home_(pool.own_worker()) {
    if (parent_ != nullptr) ++place().groups;
    if (home_ == nullptr) [[unlikely]]
      pool_.count_outside_group(true);
  }
  /// Throws std::invalid_argument and std::bad_alloc.
  group_core(crew& pool, const task_group_options& options);
  ~group_core() {
    if (word_.load(std::memory_order_acquire) != 0 || flags_.load(std::memory_order_relaxed) != 0 || extras_ != nullptr)
        [[unlikely]]
      end();
    if (parent_ != nullptr) --place().groups;
    if (home_ == nullptr) [[unlikely]]
      pool_.count_outside_group(false);
  }
  group_core(const group_core&) = delete;
  group_core& operator=(const group_core&) = delete;

  crew& pool() const noexcept { return pool_; }
  std::size_t pending() const noexcept { return word_.load(std::memory_order_acquire) / one; }  // [b] pairs with [a]

  // Tasks that come.

  /// Puts a task in; its capture has called begin_one().
  template <class Filler>
  submission put(Filler& filler) {
    worker* const mine = pool_.own_worker();
    if (mine == nullptr || is_limited_) [[unlikely]]
      return put_listed(erased_filler(filler), mine);
    if (mine == home_)
      lowest_ = std::min(lowest_, mine->deque.bottom());
    else if (!is_elsewhere_.load(std::memory_order_relaxed))
      is_elsewhere_.store(true, std::memory_order_relaxed);
    const submission what = pool_.put_inside(*mine, filler);
    wake_after_change();
    return what;
  }

  submission put_erased(const erased_filler& filler);
  /// For a task of which the group's capture is still to be made, where times are measured. Throws std::bad_alloc.
  submission put_measured(const erased_filler& filler);

  void begin_one() noexcept { word_.fetch_add(one, std::memory_order_relaxed); }

  /// By a task that was put in, at its very end: the group may be gone after that.
  void end_one() noexcept {
    if (is_limited_) [[unlikely]]
      release_next();
    end_token();
  }
  /// The same, for something else that the group waits for.
  void end_token() noexcept {
    const sync::atomic<std::uint32_t>& word = word_;
    if (word_.fetch_sub(one, std::memory_order_acq_rel) == (one | sleeps)) [[unlikely]]  // [a] pairs with [b]
      sync::unpark_all(word);                                                            // only its address is used
  }

  // How tasks end.

  /// It, or a group of which it is a part, is cancelled.
  bool is_cancelled() const noexcept {
    return cancelled_groups.load(std::memory_order_relaxed) != 0 && is_cancelled_slowly();
  }
  void cancel() noexcept { mark_cancelled(cancelled); }
  void note_skipped() noexcept;  ///< a task was not called, since the group is cancelled
  void note_dropped() noexcept;  ///< a task was not called, since the pool has dropped it
  void take_failure(const std::exception_ptr& failure) noexcept;  ///< what a task threw
  /// The same, when somebody else has it already, who is asked for it: a result.
  void take_failure_of_result(const std::exception_ptr& failure) noexcept {
    if (rule_ != group_failures::to_pool) keep_failure(failure);
  }
  static void count_failure() noexcept;  ///< of the running task, in the numbers of the pool
  [[noreturn]] static void refuse_leftover_groups() noexcept;

  // For who waits.

  /// What a wait is for: asked now and then, by the waiting thread.
  struct aim {
    bool (*is_reached)(const void* what);
    const void* what;
  };
  /// Runs tasks of the group, and sleeps when there are none, until the aim is reached; false when it was not at the
  /// deadline. Throws std::logic_error in a task of the group, and std::bad_alloc.
  bool wait(aim reached, sync::clock::time_point deadline);
  bool wait(sync::clock::time_point deadline) {
    return pending() == 0 ||
           wait({[](const void* self) { return static_cast<const group_core*>(self)->pending() == 0; }, this},
                deadline);
  }
  /// After a wait: what became of the tasks; throws what one of them threw. The group is as new then.
  group_status settle() {
    if (flags_.load(std::memory_order_relaxed) != 0 || cancelled_groups.load(std::memory_order_relaxed) != 0)
        [[unlikely]]
      return settle_slowly();
    return group_status::complete;
  }
  /// After a store that may be what somebody's aim waits for: has those look again who sleep. The group must not end
  /// meanwhile.
  void wake_after_change() noexcept {
    // [c] pairs with [d]: either this sees the one who sleeps, or that one sees the store.
    if ((asymmetric_fence::light_fence_then_load(word_, pool_.fence_is_light()) & sleeps) != 0) [[unlikely]]
      wake_slowly();
  }

  /// How results of its tasks are waited for.
  result_wait wait_for_result() noexcept {
    return {.pool = &pool_, .limited = is_limited_ ? this : nullptr, .spin = pool_.spin()};
  }
  /// By a worker that waits for one, while it counts as a task: runs another one if it may. Otherwise false.
  bool help_once(worker& mine) noexcept { return help(&mine); }
  const group_core* parent() const noexcept { return parent_; }

  std::stop_token stop_token();
  std::vector<group_failure> failures();

  // For crew, with its mutex of what is handed over.

  void add_handed(task_node& node) noexcept {
    node.next_of_group = nullptr;
    if (task_node* const first = first_handed(); first != nullptr)
      last_handed_->next_of_group = &node;
    else
      first_handed_.store(&node, std::memory_order_relaxed);
    last_handed_ = &node;
    // [e] pairs with [d]: who sleeps has looked here before, with the mutex, and had set the flag then.
    if ((word_.load(std::memory_order_relaxed) & sleeps) != 0) wake_slowly();
  }
  task_node* first_handed() const noexcept { return first_handed_.load(std::memory_order_relaxed); }
  void remove_first_handed() noexcept { first_handed_.store(first_handed()->next_of_group, std::memory_order_relaxed); }

 private:
  // Of word_: somebody sleeps, and how many tasks have not ended, up to 2^31. They would take 200 GB.
  static constexpr std::uint32_t sleeps = 1, one = 2;
  // Of flags_.
  static constexpr std::uint32_t cancelled = 1, failed = 2, skipped = 4, dropped = 8, collected = 16;

  static constexpr std::uint64_t none_yet = ~std::uint64_t{0};

  struct extras;
  struct canceller {
    group_core& group;
    void operator()() const noexcept { group.cancel(); }
  };

  submission put_listed(const erased_filler& filler, worker* mine);
  void list(task_node* node) noexcept;
  void release_next() noexcept;

  void keep_failure(const std::exception_ptr& failure) noexcept;
  bool is_cancelled_slowly() const noexcept;
  void mark_cancelled(std::uint32_t why) noexcept;
  bool is_of_this(const task& work) const noexcept;

  bool help(worker* mine) noexcept;
  task_node* pop_own(worker* mine) noexcept;
  task_node* steal_from(worker& victim, worker* mine) noexcept;
  task_node* steal_from_helpers(worker* mine) noexcept;
  task_node* steal_from_all(worker* mine) noexcept;
  void run(worker* mine, task_node* node) noexcept;
  bool look_for_a_while(worker* mine, aim reached, sync::clock::time_point deadline) noexcept;
  void sleep(worker* mine, aim reached, sync::clock::time_point deadline) noexcept;
  void wake_slowly() noexcept;
  void refuse_own_task() const;
  group_status settle_slowly();
  extras& need_extras();
  void end() noexcept;

  static constinit sync::atomic<std::uint32_t> cancelled_groups;  // how many there are in the process

  crew& pool_;
  group_core* const parent_;         // of the task that made it
  worker* const home_;               // that made it
  std::uint64_t lowest_ = none_yet;  // home's: nothing of this group is below this in its deque
  sync::atomic<std::uint32_t> word_{0};
  sync::atomic<std::uint32_t> flags_{0};
  sync::atomic<bool> is_elsewhere_{false};  // another worker may have tasks of it in its deque
  const bool is_limited_ = false;
  const group_failures rule_ = group_failures::cancel_rest;
  mutex mutex_;
  std::exception_ptr failure_;  // these two are written by who sets the flag `failed`
  source_site failure_site_{};
  extras* extras_ = nullptr;                        // what few groups need; made with mutex_ held, and stays
  sync::atomic<task_node*> first_handed_{nullptr};  // see crew
  task_node* last_handed_ = nullptr;
};

/// The time in which a task of a group is called: the thread knows of it.
class running_in_group {
 public:
  explicit running_in_group(group_core& group) noexcept : group_(place().group), groups_(place().groups) {
    place().group = &group;
    place().groups = 0;
  }
  ~running_in_group() {
    if (place().groups != 0) [[unlikely]]
      group_core::refuse_leftover_groups();
    place().group = group_;
    place().groups = groups_;
  }
  running_in_group(const running_in_group&) = delete;
  running_in_group& operator=(const running_in_group&) = delete;

 private:
  group_core* const group_;
  const std::size_t groups_;
};

}  // namespace cistern::inline v0::detail
