// SPDX-License-Identifier: MIT
//
// Design: a group counts its tasks. Those that a worker submits lie in its own deque, so a group whose tasks fork and
// wait costs a few nanoseconds; those from outside, and those of a group with a limit, lie in the crew's list of what
// is handed over, and in a list of the group's own within it.
//   Who waits runs tasks of the group and of groups that these have made, and no others: a foreign one may want a lock
// that the waiting task holds. It looks (1) in its own deque, down to where the group's first task went; a foreign task
// above that is handed over; (2) in the group's list; (3) in the deques of those workers that run a task of the group
// which they have taken elsewhere: what lies there was submitted by that task ("leapfrogging"); (4) before it sleeps,
// and if a worker other than the one that made the group has ever had a task of it in its deque: in all deques.
//   Nobody takes the place of a worker that sleeps in a wait: it waits for tasks that others run, so they are at work.
//
// Invariants: I1 a task counts from before it is in a queue until it has ended or was dropped, and its callable is
// destroyed. I2 a group in which a task counts is alive, and so are the groups around it: parent_ leads from a group to
// that of the task which made it, and a task does not end before the groups that it has made (running_in_group). I3 a
// limited group has as many tasks released as `released` says, and held ones only when that is the limit.
//
// Orders:
//   [a] acq_rel of word_, by who ends a task <-> [b] acquire by who waits: all that the task did, and failure_
//   [c] a light fence and a load of word_, after a task was put into a deque <-> [d] the flag `sleeps`, a heavy fence,
//   and a look at the deques. For tasks that are handed over, the mutex of these does the same [e]
#include <cistern/allocators/fatal.hpp>
#include <cistern/workers/detail/checked_task.hpp>
#include <cistern/workers/detail/group_capture.hpp>
#include <cistern/workers/detail/group_core.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/task_group.hpp>

#include <chrono>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace cistern::inline v0::detail {

constinit sync::atomic<std::uint32_t> group_core::cancelled_groups{0};

struct group_core::extras {
  // Of a limited group, guarded by mutex_.
  std::size_t limit = task_group_options::unlimited;
  std::size_t released = 0;
  task_node* first_held = nullptr;
  task_node* last_held = nullptr;

  // Guarded by mutex_.
  std::vector<group_failure> failures;
  std::stop_source source{std::nostopstate};
  bool is_linked = false;  // to the token of the group around it

  std::stop_token outside;  // constant
  // Last, so that their ends, which wait for calls that are under way, come first.
  std::optional<std::stop_callback<canceller>> from_parent, from_outside;
};

namespace {

source_site site_of_running_task() noexcept {
  const worker* const mine = place().own;
  if (mine == nullptr) return place().guest != nullptr ? place().guest->site : source_site{};
  return task_site::of_word(mine->running.load(std::memory_order_relaxed) & ~crew::running_mark).get();
}

}  // namespace

group_core::group_core(crew& pool, const task_group_options& options)
    : pool_(pool),
      parent_(options.outlives_task ? nullptr : place().group),
      home_(pool.own_worker()),
      is_limited_(options.max_concurrency != options.unlimited),
      rule_(options.failures) {
  if (options.max_concurrency == 0)
    throw std::invalid_argument("task_group_options: max_concurrency is 0, so no task could ever run");
  if (is_limited_ || options.stop.stop_possible()) {
    need_extras().limit = options.max_concurrency;
    extras_->outside = options.stop;
    if (options.stop.stop_possible()) extras_->from_outside.emplace(options.stop, canceller{*this});
  }
  if (parent_ != nullptr) ++place().groups;
  if (home_ == nullptr) pool_.count_outside_group(true);
}

void group_core::end() noexcept {
  if (pending() != 0) {
    if (pool_.is_forked()) return;  // what still runs is the parent's
    if (std::uncaught_exceptions() != 0) cancel();
    try {
      static_cast<void>(wait(sync::clock::time_point::max()));
    } catch (const std::logic_error&) {
      fatal("a task_group is destroyed by one of its own tasks, which would wait for itself");
    }
  }
  const std::uint32_t flags = flags_.load(std::memory_order_relaxed);
  if ((flags & cancelled) != 0) cancelled_groups.fetch_sub(1, std::memory_order_relaxed);
  if ((flags & failed) != 0) pool_.report_failure(failure_site_, failure_);
  if (extras_ == nullptr) return;
  for (const group_failure& each : extras_->failures) pool_.report_failure(each.site, each.exception);
  delete extras_;
}

group_core::extras& group_core::need_extras() {
  if (extras_ == nullptr) extras_ = new extras;
  return *extras_;
}

// Tasks that come.

submission group_core::put_erased(const erased_filler& filler) { return put(filler); }

submission group_core::put_measured(const erased_filler& filler) {
  constexpr const submit_options* as_the_pool_says = nullptr;
  return put_boxed_in_group<checked_task>(*this, filler.site(), as_the_pool_says, std::optional(sync::now()), filler);
}

submission group_core::put_listed(const erased_filler& filler, worker* mine) {
  // From the pool's own tasks until it discards, from outside until it is stopped.
  if (mine != nullptr ? pool_.discards() : pool_.is_stopped()) return pool_.refused_with(submission::stopped);
  task_node* const node = pool_.make_node(filler);
  if (node == nullptr) return pool_.refused_with(submission::no_memory);
  pool_.count_group_submission(mine);
  list(node);
  return submission::accepted;
}

void group_core::list(task_node* node) noexcept {
  if (is_limited_) {
    const std::scoped_lock lock(mutex_);
    if (extras_->released == extras_->limit) {
      node->next = nullptr;
      (extras_->first_held != nullptr ? extras_->last_held->next : extras_->first_held) = node;
      extras_->last_held = node;
      pool_.count_held(true);
      return;
    }
    ++extras_->released;
  }
  pool_.hand_over(node);
}

// By a task that still counts.
void group_core::release_next() noexcept {
  task_node* next = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    next = extras_->first_held;
    if (next == nullptr) {
      --extras_->released;
      return;
    }
    extras_->first_held = next->next;
    pool_.count_held(false);
  }
  pool_.hand_over(next);
}

// How tasks end.

bool group_core::is_cancelled_slowly() const noexcept {
  for (const group_core* around = this; around != nullptr; around = around->parent_) {
    if ((around->flags_.load(std::memory_order_relaxed) & cancelled) != 0) return true;
  }
  return false;
}

void group_core::mark_cancelled(std::uint32_t why) noexcept {
  if ((flags_.fetch_or(why | cancelled, std::memory_order_relaxed) & cancelled) != 0) return;
  cancelled_groups.fetch_add(1, std::memory_order_relaxed);
  std::stop_source told(std::nostopstate);
  {
    const std::scoped_lock lock(mutex_);
    if (extras_ != nullptr) told = extras_->source;
  }
  told.request_stop();  // NOLINT(clang-analyzer-cplusplus.Move): it has no state, or another one
}

void group_core::note_skipped() noexcept {
  flags_.fetch_or(skipped, std::memory_order_relaxed);
  end_running_task(task_end::cancelled);
}

void group_core::note_dropped() noexcept { flags_.fetch_or(dropped, std::memory_order_relaxed); }

void group_core::count_failure() noexcept { end_running_task(task_end::failed); }

void group_core::take_failure(const std::exception_ptr& failure) noexcept {
  count_failure();
  keep_failure(failure);
}

void group_core::keep_failure(const std::exception_ptr& failure) noexcept {
  switch (rule_) {
    case group_failures::to_pool:
      return pool_.report_failure(site_of_running_task(), failure);
    case group_failures::collect:
      try {
        const std::scoped_lock lock(mutex_);
        need_extras().failures.push_back({failure, site_of_running_task()});
      } catch (...) {  // no memory
        return pool_.report_failure(site_of_running_task(), failure);
      }
      flags_.fetch_or(collected, std::memory_order_relaxed);
      return;
    case group_failures::cancel_rest:
      break;
  }
  if ((flags_.fetch_or(failed, std::memory_order_relaxed) & failed) == 0) {
    failure_ = failure;
    failure_site_ = site_of_running_task();
  }
  mark_cancelled(cancelled);
}

void group_core::refuse_leftover_groups() noexcept {
  fatal(
      "a task of a task_group ends before a group that it has made: destroy that in the task, or make it with "
      "outlives_task");
}

std::stop_token group_core::stop_token() {
  const std::stop_token around = parent_ != nullptr ? parent_->stop_token() : std::stop_token{};
  std::stop_source source(std::nostopstate);
  bool links = false;
  {
    const std::scoped_lock lock(mutex_);
    extras& own = need_extras();
    if (!own.source.stop_possible()) own.source = std::stop_source();
    source = own.source;
    links = around.stop_possible() && !std::exchange(own.is_linked, true);
  }
  if (links) extras_->from_parent.emplace(around, canceller{*this});
  if (is_cancelled()) source.request_stop();  // NOLINT(clang-analyzer-cplusplus.Move): as above
  return source.get_token();                  // NOLINT(clang-analyzer-cplusplus.Move): as above
}

std::vector<group_failure> group_core::failures() {
  const std::scoped_lock lock(mutex_);
  return extras_ != nullptr ? std::exchange(extras_->failures, {}) : std::vector<group_failure>{};
}

group_status group_core::settle_slowly() {
  const std::uint32_t flags = flags_.exchange(0, std::memory_order_relaxed);
  if ((flags & cancelled) != 0) cancelled_groups.fetch_sub(1, std::memory_order_relaxed);
  bool is_stopped = false;
  {
    const std::scoped_lock lock(mutex_);
    if (extras_ != nullptr) {
      if (extras_->source.stop_requested()) extras_->source = std::stop_source(std::nostopstate);
      is_stopped = extras_->outside.stop_requested();
    }
  }
  if (is_stopped) mark_cancelled(cancelled);
  if ((flags & failed) != 0) std::rethrow_exception(std::exchange(failure_, nullptr));
  if ((flags & dropped) != 0) throw task_cancelled();
  if ((flags & collected) != 0) return group_status::failed;
  return (flags & (cancelled | skipped)) != 0 || is_cancelled() ? group_status::cancelled : group_status::complete;
}

// For who waits.

bool group_core::wait(aim reached, sync::clock::time_point deadline) {
  worker* const mine = pool_.own_worker();
  bool is_over = false;
  for (;;) {
    is_over = reached.is_reached(reached.what);
    if (is_over || (deadline != sync::clock::time_point::max() && sync::now() >= deadline)) break;
    if (pool_.discards()) [[unlikely]]
      mark_cancelled(dropped);
    if (help(mine) || look_for_a_while(mine, reached, deadline)) continue;
    refuse_own_task();
    sleep(mine, reached, deadline);
  }
  std::uint32_t nobody_left = sleeps;
  if (word_.load(std::memory_order_relaxed) == sleeps)
    word_.compare_exchange_strong(nobody_left, 0, std::memory_order_relaxed);
  if (mine != nullptr && mine == home_ && pending() == 0) lowest_ = none_yet;
  return is_over;
}

bool group_core::is_of_this(const task& work) const noexcept {
  const group_core* around = group_of(work);
  while (around != nullptr && around != this) around = around->parent_;
  return around != nullptr;
}

bool group_core::help(worker* mine) noexcept {
  if (mine != nullptr && mine == home_) {
    if (task_node* const own = pop_own(mine)) {
      pool_.run_node(*mine, own);
      return true;
    }
  }
  task_node* node = first_handed() != nullptr ? pool_.take_handed_over_of(*this) : nullptr;
  if (node == nullptr) node = steal_from_helpers(mine);
  if (node != nullptr) run(mine, node);
  return node != nullptr;
}

task_node* group_core::pop_own(worker* mine) noexcept {
  while (mine->deque.bottom() > lowest_) {
    task_node* const node = mine->deque.pop();
    if (node == nullptr || is_of_this(node->work)) return node;
    pool_.hand_over(node);
  }
  return nullptr;
}

task_node* group_core::steal_from(worker& victim, worker* mine) noexcept {
  task_node* const node = victim.deque.steal();
  if (node == nullptr) return nullptr;
  if (mine != nullptr) mine->steals.add();
  if (is_of_this(node->work)) return node;
  pool_.hand_over(node);
  return nullptr;
}

task_node* group_core::steal_from_helpers(worker* mine) noexcept {
  for (std::size_t i = pool_.places(); i-- != 0;) {
    worker& each = *pool_.worker_at(i);
    if (&each == mine || each.helps.load(std::memory_order_relaxed) != this || each.deque.looks_empty()) continue;
    if (task_node* const node = steal_from(each, mine)) return node;
  }
  return nullptr;
}

task_node* group_core::steal_from_all(worker* mine) noexcept {
  for (std::size_t i = pool_.places(); i-- != 0;) {
    worker& each = *pool_.worker_at(i);
    for (std::size_t left = each.deque.size(); left != 0; --left) {
      if (task_node* const node = steal_from(each, mine)) return node;
    }
  }
  return nullptr;
}

void group_core::run(worker* mine, task_node* node) noexcept {
  if (mine == nullptr) return pool_.run_node_as_guest(node);
  group_core* const before = mine->helps.load(std::memory_order_relaxed);
  mine->helps.store(group_of(node->work), std::memory_order_relaxed);
  pool_.run_node(*mine, node);
  mine->helps.store(before, std::memory_order_relaxed);
}

bool group_core::look_for_a_while(worker* mine, aim reached, sync::clock::time_point deadline) noexcept {
  if (pool_.spin().count() <= 0) return false;
  const auto until = std::min(deadline, sync::now() + pool_.spin());
  for (std::uint32_t looks = 1;; ++looks) {
    sync::spin_pause();
    if (reached.is_reached(reached.what) || help(mine)) return true;
    if (looks % 16 == 0 && sync::now() >= until) return false;
  }
}

void group_core::sleep(worker* mine, aim reached, sync::clock::time_point deadline) noexcept {
  const std::uint32_t seen = word_.fetch_or(sleeps, std::memory_order_seq_cst) | sleeps;  // [d] pairs with [c], [e]
  const bool ordered = asymmetric_fence::heavy_fence();                                   // [d] pairs with [c]
  if (reached.is_reached(reached.what)) return;
  task_node* node = pool_.take_handed_over_of(*this);
  if (node == nullptr) node = steal_from_helpers(mine);
  if (node == nullptr && is_elsewhere_.load(std::memory_order_relaxed)) node = steal_from_all(mine);
  if (node != nullptr) return run(mine, node);
  if (!ordered) deadline = std::min(deadline, sync::now() + std::chrono::milliseconds(1));  // look again soon
  static_cast<void>(sync::park_until(word_, seen, deadline));
}

void group_core::wake_slowly() noexcept {
  if ((word_.fetch_and(~sleeps, std::memory_order_acq_rel) & sleeps) != 0) sync::unpark_all(word_);
}

void group_core::refuse_own_task() const {
  if (pool_.is_forked())
    throw std::logic_error("a task_group from before a fork is waited for in the child: its tasks are the parent's");
  for (const group_core* around = place().group; around != nullptr; around = around->parent_) {
    if (around == this) throw std::logic_error("a task of a task_group waits for its group, and so for itself");
  }
}

}  // namespace cistern::inline v0::detail
