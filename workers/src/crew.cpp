// SPDX-License-Identifier: MIT
//
// Design: a worker runs what is in its own deque, then what is in the shared queue, then what it can steal. One that
// finds nothing looks on for a while as the searcher, of which there is one at most (two for a moment), and then
// sleeps, last in first out. So a burst wakes few, and those that have slept longest go on sleeping until they end.
//
// Wakes: idle_ holds two numbers. Wakeable are the workers that sleep and those that could be started; searchers those
// that look for work. Who puts a task somewhere looks at it: when somebody is wakeable and nobody searches, it wakes
// one (or starts one), which is a searcher from then on. A searcher that finds something wakes the next one if there is
// more to do.
//
// No task is left lying while somebody sleeps. Putting: store the task, load idle_. (1) It sees nobody wakeable: the
// next one who makes somebody wakeable, from none, issues a heavy fence and then looks for work [s]. So putting costs
// no fence while all workers are busy. (2) It sees somebody wakeable, issues a full fence and sees a searcher: the last
// searcher takes itself out by a read-modify-write and then looks for work [e]. Or (3) it wakes one. A searcher that is
// stopped never takes itself out; a tick begins another era then and wakes one, who looks for work: crew::age().
//
// Orders:
//   [n] a light fence and a load of idle_, after a task was put <-> [s] wakeable from 0 to more, a heavy fence, a look
//   [m] a full fence and a load of idle_, after a task was put <-> [e] one searcher less, a look
//   [w] release of a worker's state, by who wakes it <-> [v] acquire by the worker: that it is a searcher, or orders
//   [o] release of orders_ <-> [p] acquire in the loop: nothing but the orders; all else is under mutex_
//
// Invariants: I1 wakeable = sleeping_ + startable_, changed with mutex_ held. I2 a worker that sleeps has an empty
// deque and is in the list; whoever takes it out makes it awake, and counts it among the searchers or has orders for
// it. I3 threads_ counts those that live and those that are being started; a place is given again when its last
// thread has said that it ends: see crew_threads.cpp. I4 while paused there is one searcher that does not exist, so
// nobody is woken.
#include <cistern/allocators/arena_scope.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/allocators/thread_arenas.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/detail/group_core.hpp>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

namespace cistern::inline v0::detail {

[[gnu::tls_model("initial-exec")]] constinit thread_local work_place own_place;

namespace {

// Every so many looks the shared queue comes before the worker's own deque, so that tasks which go on submitting others
// do not keep it waiting for ever.
constexpr std::uint32_t turns_before_outside = 61;

thread_arenas& guest_arenas() {
  static immortal<thread_arenas> arenas;
  return *arenas;
}

}  // namespace

arena& guest_arena() { return guest_arenas().local(); }

// What a worker does.

void crew::run_worker(worker& mine) noexcept {
  try {
    static_cast<void>(epoch_domain::default_domain().slot());  // so that looking for tasks cannot fail
  } catch (...) {
    return thread_failed(mine);
  }
  place() = {.own = &mine, .thread = &mine};
  if (observer_ != nullptr) observer_->worker_started(mine.index);
  work(mine);
  if (is_forked()) return;  // the crew and what it counts are the parent's
  if (mine.is_searching) end_search(mine);
  if (observer_ != nullptr) observer_->worker_ended(mine.index);
  mine.memory.trim();
  mine.deque.trim();
  place() = {};
  thread_ended(mine);
}

void crew::work(worker& mine) noexcept {
  for (;;) {
    if (orders_.load(std::memory_order_acquire) != 0 && !obey(mine)) return;  // [p] pairs with [o]
    if (run_next(mine)) continue;
    if (!mine.is_searching && idle_word(idle_.load(std::memory_order_relaxed)).searchers() == 0)
      searches(mine, idle_.fetch_add(idle_word::one_searcher, std::memory_order_seq_cst));
    if (mine.is_searching && search(mine)) continue;
    if (!sleep(mine)) return;
  }
}

bool crew::run_next(worker& mine) noexcept {
  if (++mine.turn % turns_before_outside == 0 && run_from_elsewhere(mine)) return true;
  task_node* const node = mine.deque.pop();
  if (node == nullptr) {
    if (run_from_elsewhere(mine)) return true;
    task_node* const stolen = steal(mine);
    if (stolen != nullptr) run_taken(mine, stolen);
    return stolen != nullptr;
  }
  if (mine.is_searching) end_search(mine);
  run(mine, node->work);
  free_node(node);
  return true;
}

// What is handed over and what is queued in turn, so that neither keeps the other one waiting for ever.
bool crew::run_from_elsewhere(worker& mine) noexcept {
  const bool handed_first = mine.turn % 2 == 0;
  if (!handed_first && run_from_outside(mine)) return true;
  if (handed_over_.load(std::memory_order_relaxed) != 0) {
    if (task_node* const node = take_handed_over()) {
      run_taken(mine, node);
      return true;
    }
  }
  return handed_first && run_from_outside(mine);
}

// Who waits for its group may find what the task has submitted here.
void crew::run_taken(worker& mine, task_node* node) noexcept {
  if (mine.is_searching) end_search(mine);
  mine.helps.store(group_of(node->work), std::memory_order_relaxed);
  run(mine, node->work);
  mine.helps.store(nullptr, std::memory_order_relaxed);
  free_node(node);
}

bool crew::run_from_outside(worker& mine) noexcept {
  task work;
  if (!queue_.pop(work, mine.takes)) return false;
  if (is_bounded_ && !is_direct_) room_.release();
  if (mine.is_searching) end_search(mine);
  run(mine, work);
  if (is_direct_) room_.release();
  return true;
}

task_node* crew::steal(worker& mine) noexcept {
  const worker_table& table = *table_.load(std::memory_order_acquire);
  for (std::size_t looked = 0; looked < table.count; ++looked) {
    if (++mine.victim >= table.count) mine.victim = 0;
    worker& victim = *table.at[mine.victim];
    if (&victim == &mine || victim.deque.looks_empty()) continue;
    if (task_node* const stolen = victim.deque.steal()) {
      mine.steals.add();
      return stolen;
    }
  }
  return nullptr;
}

void crew::run(worker& mine, task& work) noexcept {
  if (observer_ != nullptr || measures_) [[unlikely]]
    return run_watched(mine, work);
  const std::uint64_t site = work.site_word();
  const std::uint64_t before = mine.running.load(std::memory_order_relaxed);
  mine.running.store(site | running_mark, std::memory_order_relaxed);
  mine.started.add();
  const arena::mark_t mark = mine.memory.mark();
  try {
    work();
  } catch (...) {
    report(mine, task_site::of_word(site).get(), std::current_exception());
  }
  mine.memory.rewind(mark);
  if (mine.end != task_end::completed) [[unlikely]]
    count_end(mine);
  mine.finished.add();
  mine.running.store(before, std::memory_order_relaxed);
}

void crew::count_end(worker& mine) noexcept {
  switch (std::exchange(mine.end, task_end::completed)) {
    case task_end::failed:
      return mine.failed.add();
    case task_end::cancelled:
      return mine.cancelled.add();
    case task_end::expired:
      return mine.expired.add();
    case task_end::completed:
      return;
  }
}

void crew::run_watched(worker& mine, task& work) noexcept {
  const std::uint64_t site_word = work.site_word();
  const source_site site = task_site::of_word(site_word).get();
  const std::uint64_t before = mine.running.load(std::memory_order_relaxed);
  mine.running.store(site_word | running_mark, std::memory_order_relaxed);
  mine.started.add();
  if (observer_ != nullptr) observer_->task_started(mine.index, site);
  const auto began = measures_ ? sync::now() : sync::clock::time_point{};
  const arena::mark_t mark = mine.memory.mark();
  std::exception_ptr failure;
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
    report(mine, site, failure);
  }
  mine.memory.rewind(mark);
  if (measures_) mine.ran.add(sync::now() - began);
  if (observer_ != nullptr) observer_->task_ended(mine.index, site, failure);
  count_end(mine);
  mine.finished.add();
  mine.running.store(before, std::memory_order_relaxed);
}

void crew::run_node(worker& mine, task_node* node) noexcept {
  run(mine, node->work);
  free_node(node);
}

task_end crew::run_as_guest(task& work, bool counts) noexcept {
  const work_place before = place();
  guest_run self{.pool = *this, .site = work.site(), .counts = counts, .around = before.guest, .since = sync::now()};
  enter_guests(self);
  place() = {.guest = &self, .thread = before.thread};
  std::optional<arena_scope> scope;
  try {
    scope.emplace(guest_arena());
  } catch (...) {  // no memory: the task may still do without, or asks again
  }
  try {
    work();
  } catch (...) {
    self.end = task_end::failed;
    report_failure(self.site, std::current_exception());
  }
  scope.reset();
  place() = before;
  leave_guests(self);
  return self.end;
}

void crew::run_node_as_guest(task_node* node) noexcept {
  guest_started_.fetch_add(1, std::memory_order_relaxed);
  const task_end end = run_as_guest(node->work, true);
  if (end != task_end::completed)
    (end == task_end::failed ? guest_failed_ : guest_cancelled_).fetch_add(1, std::memory_order_relaxed);
  guest_finished_.fetch_add(1, std::memory_order_relaxed);
  free_node(node);
}

void crew::enter_guests(guest_run& self) noexcept {
  const std::scoped_lock lock(mutex_);
  self.next = std::exchange(guests_, &self);
  if (self.next != nullptr) self.next->previous = &self;
}

void crew::leave_guests(guest_run& self) noexcept {
  const std::scoped_lock lock(mutex_);
  if (is_forked()) return;
  (self.previous != nullptr ? self.previous->next : guests_) = self.next;
  if (self.next != nullptr) self.next->previous = self.previous;
  tell_waiters();
}

// The calling thread runs a task of this crew, and is none of its workers.
bool crew::is_guest() const noexcept {
  for (const guest_run* each = place().guest; each != nullptr; each = each->around)
    if (&each->pool == this) return true;
  return false;
}

void crew::report(worker& mine, const source_site& site, const std::exception_ptr& what) noexcept {
  mine.end = task_end::failed;
  report_failure(site, what);
}

// Waits of workers, and wakes.

bool crew::search(worker& mine) noexcept {
  if (spin_.count() <= 0) return false;
  const auto until = sync::now() + spin_;
  for (std::uint32_t looks = 1;; ++looks) {
    sync::spin_pause();
    if (orders_.load(std::memory_order_relaxed) != 0) return false;  // sleep() sees to them
    if (run_next(mine)) return true;
    if (looks % 16 == 0 && sync::now() >= until) return false;
  }
}

void crew::searches(worker& mine, std::uint64_t before) noexcept {
  mine.is_searching = true;
  mine.search_era = idle_word(before).era();
}

// Of idle_, what the worker counts there as one that searches no more. With mutex_ held, so that the era stays.
std::uint64_t crew::counted_as_searcher(worker& mine) noexcept {
  const bool counts = std::exchange(mine.is_searching, false) &&
                      mine.search_era == idle_word(idle_.load(std::memory_order_relaxed)).era();
  return counts ? idle_word::one_searcher : 0;
}

// With mutex_ held. Who calls it wakes one after it: that one looks for what was put while they counted, as the last
// searcher would, [e].
void crew::count_searchers_off() noexcept {
  std::uint64_t before = idle_.load(std::memory_order_relaxed);
  while (!idle_.compare_exchange_weak(before, idle_word(before).in_next_era(), std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
  }
}

void crew::end_search(worker& mine) noexcept {
  mine.is_searching = false;
  std::uint64_t before = idle_.load(std::memory_order_relaxed);
  do {
    if (idle_word(before).era() != mine.search_era) [[unlikely]]
      return;
  } while (!idle_.compare_exchange_weak(before, before - idle_word::one_searcher, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));  // [e] pairs with [m]
  if (idle_word(before).searchers() == 1 && idle_word(before).wakeable() != 0 && sees_work(mine)) wake_one();
}

bool crew::sees_work(const worker& mine) const noexcept {
  if (!queue_.looks_empty() || handed_over_.load(std::memory_order_acquire) != 0) return true;
  const worker_table& table = *table_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < table.count; ++i) {
    if (table.at[i] != &mine && !table.at[i]->deque.looks_empty()) return true;
  }
  return !mine.deque.looks_empty();
}

bool crew::sleep(worker& mine) noexcept {
  if (mine.trim_wanted.load(std::memory_order_relaxed)) {
    mine.trim_wanted.store(false, std::memory_order_relaxed);
    mine.deque.trim();
  }
  idle_word before(0);
  std::uint64_t was_searcher = 0;
  {
    std::unique_lock lock(mutex_);
    if (draining_) {
      if (may_end(mine)) return false;
      lock.unlock();
      sync::yield();  // a task is still being put into its cell
      return true;
    }
    if (orders() != order::none && !paused_) return true;  // obey() first
    was_searcher = counted_as_searcher(mine);
    enter_sleepers(mine);
    before = idle_word(idle_.fetch_add(idle_word::one_wakeable - was_searcher,
                                       std::memory_order_seq_cst));  // [s] pairs with [n], [e] with [m]
    tell_waiters();
  }
  mine.parks.add();
  background_reclaimer::wake();  // what a burst took is idle now
  const bool nobody_was_wakeable = before.wakeable() == 0;
  const bool no_searcher = before.searchers() == was_searcher;
  const bool ordered = !nobody_was_wakeable || asymmetric_fence::heavy_fence();  // [s]
  if ((nobody_was_wakeable || no_searcher) && sees_work(mine)) {
    const std::scoped_lock lock(mutex_);
    if (mine.is_sleeping && !paused_) {
      leave_sleepers(mine);
      mine.state.store(worker::awake, std::memory_order_relaxed);
      searches(mine, idle_.fetch_sub(idle_word::one_wakeable - idle_word::one_searcher, std::memory_order_seq_cst));
      return true;
    }
  }
  while (mine.state.load(std::memory_order_acquire) == worker::asleep) {  // [v] pairs with [w]
    auto until = sync::clock::time_point::max();
    if (!ordered) until = sync::now() + std::chrono::milliseconds(1);  // without a fence: look again soon
    const auto rest = sync::now();
    if (idle_timeout_ < sync::clock::time_point::max() - rest) until = std::min(until, rest + idle_timeout_);
    if (sync::park_until(mine.state, worker::asleep, until)) continue;
    const std::scoped_lock lock(mutex_);
    if (!mine.is_sleeping) continue;
    const auto now = sync::now();
    const bool surplus = threads_ - leaving_ > min_workers_ && &mine == coldest_ &&
                         now - last_retired_ >= idle_timeout_ && now - rest >= idle_timeout_ && !paused_;
    if (!surplus && ordered) continue;
    leave_sleepers(mine);
    mine.state.store(worker::awake, std::memory_order_relaxed);
    idle_.fetch_sub(idle_word::one_wakeable, std::memory_order_seq_cst);
    if (!surplus) return true;
    last_retired_ = now;
    ++leaving_;
    mine.is_leaving = true;
    return false;
  }
  return true;
}

// In the end of a draining pool: true, to end, when nothing is left anywhere that could be taken.
bool crew::may_end(worker& mine) noexcept {
  return mine.deque.looks_empty() && queue_.size() == 0 && handed_over_.load(std::memory_order_relaxed) == 0;
}

bool crew::obey(worker& mine) noexcept {
  for (;;) {
    if (is_forked()) return false;  // a task has forked, and returned in the child
    if (orders() == order::drain) return true;
    std::unique_lock lock(mutex_);
    if (discarding_) {
      lock.unlock();
      while (task_node* const node = mine.deque.pop()) {
        discarded_.fetch_add(1, std::memory_order_relaxed);
        free_node(node);
      }
      discard_queued();  // somebody may wait for a result of what lies there, and be the one who would call stop()
      return false;
    }
    if (draining_) return true;  // since a moment ago
    if (threads_ - leaving_ > max_workers_) {
      ++leaving_;
      mine.is_leaving = true;
      set_orders();
      lock.unlock();
      while (task_node* const node = mine.deque.pop()) hand_over(node);
      return false;
    }
    if (!paused_) return true;
    lock.unlock();
    if (!sleep(mine)) return false;
    // Who was woken looks at its orders again: it is still paused after a tick, and must not run a task that a stop
    // discards.
  }
}

void crew::enter_sleepers(worker& mine) noexcept {
  mine.is_sleeping = true;
  mine.state.store(worker::asleep, std::memory_order_relaxed);
  mine.warmer = nullptr;
  mine.colder = warmest_;
  (warmest_ != nullptr ? warmest_->warmer : coldest_) = &mine;
  warmest_ = &mine;
  ++sleeping_;
}

void crew::leave_sleepers(worker& mine) noexcept {
  mine.is_sleeping = false;
  (mine.warmer != nullptr ? mine.warmer->colder : warmest_) = mine.colder;
  (mine.colder != nullptr ? mine.colder->warmer : coldest_) = mine.warmer;
  --sleeping_;
}

// The caller unparks it, without the mutex.
void crew::rouse(worker& sleeper, bool as_searcher) noexcept {
  leave_sleepers(sleeper);
  const std::uint64_t change = idle_word::one_wakeable - (as_searcher ? idle_word::one_searcher : 0);
  const std::uint64_t before = idle_.fetch_sub(change, std::memory_order_seq_cst);
  if (as_searcher) searches(sleeper, before);
  sleeper.state.store(worker::awake, std::memory_order_release);  // [w] pairs with [v]
}

void crew::wake_one() noexcept {
  background_reclaimer::wake();
  worker* started = nullptr;
  {
    std::unique_lock lock(mutex_);
    const idle_word idle(idle_.load(std::memory_order_seq_cst));
    if (idle.searchers() != 0 || idle.wakeable() == 0) return;
    wakes_.fetch_add(1, std::memory_order_relaxed);
    if (worker* const woken = warmest_) {
      rouse(*woken, true);
      lock.unlock();  // the system call takes microseconds
      return sync::unpark_one(woken->state);
    }
    if (startable_ == 0) return;
    started = take_place();
    if (started == nullptr) return;
    // Nobody is woken while there is a searcher, and an observer may take its time before this one begins.
    if (observer_ == nullptr) searches(*started, idle_.fetch_add(idle_word::one_searcher, std::memory_order_seq_cst));
    static_cast<void>(set_startable());
  }
  static_cast<void>(start(*started));
}

void crew::check_after_room_for_wakes() noexcept {
  static_cast<void>(asymmetric_fence::heavy_fence());  // [s] pairs with [n]
  if (has_work()) wake_one();
}

// Of the queue its size, for which this thread needs no place in the epoch domain.
bool crew::has_work() const noexcept {
  if (queue_.size() != 0 || handed_over_.load(std::memory_order_acquire) != 0) return true;
  const worker_table& table = *table_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < table.count; ++i)
    if (!table.at[i]->deque.looks_empty()) return true;
  return false;
}

}  // namespace cistern::inline v0::detail
