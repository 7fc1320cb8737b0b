// SPDX-License-Identifier: MIT
//
// How a crew begins, is told what to do, and ends. See crew.cpp for its invariants.
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/workers/concurrency.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/detail/result_state.hpp>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <pthread.h>
#include <sched.h>

namespace cistern::inline v0::detail {

constinit sync::atomic<std::uint32_t> fork_count{0};

namespace {

worker_pool_options checked(worker_pool_options options) {
  const auto refuse = [](const std::string& why) { throw std::invalid_argument("worker_pool_options: " + why); };
  const auto number = [](std::size_t value) { return std::to_string(value); };
  if (options.max_workers == 0)
    options.max_workers =
        std::max({static_cast<std::size_t>(available_concurrency()), options.min_workers, options.spawn});
  if (options.max_workers > options.most_workers)
    refuse("max_workers is " + number(options.max_workers) + ", and must be " + number(options.most_workers) +
           " at most");
  if (options.min_workers > options.max_workers)
    refuse("min_workers is " + number(options.min_workers) + ", above max_workers, which is " +
           number(options.max_workers));
  if (options.spawn > options.max_workers)
    refuse("spawn is " + number(options.spawn) + ", above max_workers, which is " + number(options.max_workers));
  if (options.when_full > overflow::drop_oldest) refuse("when_full has a value that is no overflow");
  if (options.affinity > worker_affinity::one_each) refuse("affinity has a value that is no worker_affinity");
  if (options.queue_bound > (std::size_t{1} << 62) && options.queue_bound != options.unbounded)
    refuse("queue_bound is " + number(options.queue_bound) + "; use worker_pool_options::unbounded for none");
  if (options.queue_bound == 0 && options.when_full == overflow::drop_oldest)
    refuse("when_full is drop_oldest with a queue_bound of 0: there is nothing queued that could be dropped");
  if (options.idle_timeout.count() <= 0) refuse("idle_timeout must be above zero");
  if (options.spin.count() < 0) refuse("spin must not be negative");
  if (options.max_wait.count() < 0) refuse("max_wait must not be negative");
  if (options.arena_block == 0 || options.arena_block > (std::size_t{1} << 30))
    refuse("arena_block must be above zero, and 1 GiB at most");
  return options;
}

std::int64_t room_of(const worker_pool_options& options) noexcept {
  if (options.queue_bound == options.unbounded) return 0;
  return static_cast<std::int64_t>(options.queue_bound == 0 ? options.max_workers : options.queue_bound);
}

std::pmr::memory_resource& pages() {
  static immortal<basic_backend_resource<pages_backend>> resource;
  return *resource;
}

}  // namespace

crew::crew(const worker_pool_options& given, worker_pool* of) : crew(checked(given), of, checked_tag{}) {}

crew::crew(const worker_pool_options& options, worker_pool* of, checked_tag)
    : owner_(of),
      memory_(task_memory()),
      is_bounded_(options.queue_bound != options.unbounded),
      is_direct_(options.queue_bound == 0),
      light_(asymmetric_fence::light_is_light()),
      measures_(options.measure_times),
      observer_(options.observer),
      spin_(options.spin),
      idle_timeout_(options.idle_timeout),
      when_full_(options.when_full),
      max_wait_(options.max_wait),
      bound_(options.queue_bound),
      affinity_(options.affinity),
      arena_options_{.first_block = options.arena_block,
                     .max_block = std::max(options.arena_block, arena_options{}.max_block),
                     .upstream = options.upstream},
      queue_upstream_(options.upstream != nullptr ? *options.upstream : pages()),
      on_exception_(options.on_exception),
      name_(options.name.substr(0, 31)),
      at_fork_{.rank = fork_rank::worker_pool,
               .prepare = [](void* self) noexcept { static_cast<crew*>(self)->prepare_fork(); },
               .parent = [](void* self) noexcept { static_cast<crew*>(self)->after_fork(false); },
               .child = [](void* self) noexcept { static_cast<crew*>(self)->after_fork(true); },
               .self = this},
      queue_(queue_upstream_, options.upstream == nullptr),
      room_(room_of(options)),
      min_workers_(options.min_workers),
      max_workers_(options.max_workers) {
  if (sched_getaffinity(0, sizeof processors_, &processors_) != 0) CPU_ZERO(&processors_);
  pthread_sigmask(SIG_SETMASK, nullptr, &signals_);
  tables_.push_back(std::make_unique<worker_table>());
  table_.store(tables_.back().get(), std::memory_order_release);
  static_cast<void>(set_startable());
  install(at_fork_);
  ageing_clock::process().add(*this);
  const std::size_t spawn = std::max(options.spawn, options.min_workers);
  for (std::size_t i = 0; i < spawn; ++i) {
    if (start_another()) continue;
    if (i != 0) break;  // it runs with fewer, and says so in its numbers
    take_down();
    throw std::system_error(EAGAIN, std::generic_category(), "worker_pool: no thread could be started");
  }
}

void crew::take_down() noexcept {
  ageing_clock::process().remove(*this);
  remove(at_fork_);
}

crew::~crew() {
  while (task_node* const node = take_handed_over()) free_node(node);
}

// NOLINTNEXTLINE(bugprone-exception-escape): see the header
void crew::end() noexcept {
  if (is_forked()) {
    // Its threads are in the parent. What they were doing stays as it is.
    take_down();
    return;
  }
  if (own_worker() != nullptr || is_guest())
    fatal(("the " + title() + " is destroyed by one of its own " + (own_worker() != nullptr ? "workers" : "tasks") +
           ", which would wait for itself")
              .c_str());
  static_cast<void>(stop(false, sync::clock::time_point::max()));
  if (outside_groups_.load(std::memory_order_relaxed) != 0)
    fatal(("the " + title() +
           " is destroyed before a task_group, sub_pool or task_batch on it, which would use it when it is gone: make "
           "the pool first")
              .c_str());
  take_down();
  delete this;
}

void crew::set_orders() noexcept {
  order now = order::none;
  if (paused_ || threads_ - leaving_ > max_workers_) now = order::look;
  if (draining_) now = order::drain;
  if (discarding_) now = order::discard;
  orders_.store(static_cast<std::uint32_t>(now), std::memory_order_release);  // [o] pairs with [p]
}

// Has every sleeper look at its orders.
void crew::rouse_all() noexcept {
  while (warmest_ != nullptr) {
    worker& woken = *warmest_;
    rouse(woken, false);
    sync::unpark_one(woken.state);
  }
}

void crew::pause() noexcept {
  const std::scoped_lock lock(mutex_);
  if (paused_ || draining_) return;
  paused_ = true;
  idle_.fetch_add(idle_word::one_searcher, std::memory_order_seq_cst);
  set_orders();
  rouse_all();
}

void crew::resume() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    if (!paused_) return;
    end_pause();
    set_orders();
    rouse_all();
  }
  check_after_room_for_wakes();
}

void crew::end_pause() noexcept {
  paused_ = false;
  idle_.fetch_sub(idle_word::one_searcher, std::memory_order_seq_cst);
}

void crew::tell_waiters() noexcept {
  turns_.fetch_add(1, std::memory_order_release);
  if (turn_waiters_.load(std::memory_order_relaxed) != 0) sync::unpark_all(turns_);  // both with mutex_ held
}

template <class Done>
bool crew::wait_for_turn(Done&& done, sync::clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  turn_waiters_.fetch_add(1, std::memory_order_relaxed);
  bool reached = done();
  while (!reached) {
    const std::uint32_t turn = turns_.load(std::memory_order_relaxed);
    lock.unlock();
    const bool in_time = sync::park_until(turns_, turn, deadline);
    lock.lock();
    reached = done();
    if (!in_time) break;
  }
  turn_waiters_.fetch_sub(1, std::memory_order_relaxed);
  return reached;
}

bool crew::wait_until_quiet(bool and_empty, sync::clock::time_point deadline) {
  refuse_own_worker("waits until the pool is quiet");
  if (is_forked()) return true;
  return wait_for_turn(
      [&] {
        if (threads_ != sleeping_ || guests_ != nullptr) return false;
        if (!and_empty) return true;
        // In the deques of those that sleep are tasks only while it is paused.
        return queue_.size() == 0 && handed_over_.load(std::memory_order_relaxed) == 0 &&
               std::all_of(workers_.begin(), workers_.end(),
                           [](const auto& each) { return each->deque.looks_empty(); });
      },
      deadline);
}

void crew::resize(std::size_t min_workers, std::size_t max_workers) {
  const auto& options = checked({.max_workers = max_workers, .min_workers = min_workers});
  bool nobody_was_wakeable = false;
  std::size_t missing = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (is_direct_)
      room_.release(static_cast<std::int64_t>(options.max_workers) - static_cast<std::int64_t>(max_workers_));
    min_workers_ = options.min_workers;
    max_workers_ = options.max_workers;
    nobody_was_wakeable = set_startable();
    set_orders();
    if (orders() == order::look && !paused_) rouse_all();
    if (!draining_ && threads_ - leaving_ < min_workers_) missing = min_workers_ - (threads_ - leaving_);
  }
  for (; missing != 0; --missing) {
    if (start_another()) continue;
    background_reclaimer::wake();  // those that still leave are in the way: at a tick, then
    break;
  }
  if (nobody_was_wakeable) check_after_room_for_wakes();
}

void crew::request_stop(bool discard) noexcept {
  std::stop_source told(std::nostopstate);
  bool nobody_discards = false;
  {
    const std::scoped_lock lock(mutex_);
    if (paused_) end_pause();
    draining_ = true;
    if (discard && !discarding_) {
      discarding_ = true;
      told = stop_source_;
    }
    queue_.close();
    const auto now = sync::now();
    for (const auto& each : workers_) static_cast<void>(see_running(*each, now));
    set_orders();
    static_cast<void>(set_startable());
    rouse_all();
    nobody_discards = discarding_ && threads_ == 0;
  }
  room_.wake_all();
  told.request_stop();
  if (nobody_discards) discard_queued();
}

stop_report crew::stop(bool discard, sync::clock::time_point deadline) {
  refuse_own_worker("stops the pool");
  if (is_forked()) return {.ended = true, .discarded = 0, .running = {}};
  request_stop(discard);
  const auto is_left = [this] { return queue_.size() != 0 || handed_over_.load(std::memory_order_relaxed) != 0; };
  bool ended = false;
  for (;;) {
    if (is_discarding()) discard_queued();
    ended = wait_for_turn([this] { return threads_ == 0 && guests_ == nullptr; }, deadline);
    if (!ended) break;
    join_ended();
    // Another stop() may be waiting for the end of one.
    ended = wait_for_turn([this] { return threads_ == 0 && joining_ == 0 && guests_ == nullptr; }, deadline);
    if (!ended || !is_left()) break;
    // No thread was there to drain what is left.
    if (!is_discarding() && start_drainer()) continue;
    discard_queued();
  }
  stop_report report{.ended = ended, .discarded = 0, .running = {}};
  if (ended) discard_deques();
  {
    const std::scoped_lock lock(mutex_);
    report.discarded = static_cast<std::size_t>(discarded_.load(std::memory_order_relaxed) - discarded_earlier_);
  }
  if (!ended) {
    report.running = running_tasks();
    report.queued = queue_.size() + handed_over_.load(std::memory_order_relaxed);
  }
  return report;
}

bool crew::is_discarding() const noexcept {
  const std::scoped_lock lock(mutex_);
  return discarding_;
}

void crew::discard_queued() noexcept {
  for (;;) {
    task gone;
    bool got = false;
    try {
      got = queue_.pop(gone);
    } catch (...) {  // no memory for this thread's place in the epoch domain
      sync::yield();
      continue;
    }
    if (got) {
      discarded_.fetch_add(1, std::memory_order_relaxed);
      if (is_bounded_) room_.release();
    } else if (queue_.size() == 0) {
      break;
    } else {
      sync::yield();  // a task is still being put into its cell
    }
  }
  while (task_node* const node = take_handed_over()) {
    discarded_.fetch_add(1, std::memory_order_relaxed);
    free_node(node);
  }
}

// Of workers that have ended.
void crew::discard_deques() noexcept {
  const auto pop = [this]() -> task_node* {
    const std::scoped_lock lock(mutex_);
    if (threads_ != 0) return nullptr;  // restarted meanwhile
    for (const auto& each : workers_) {
      if (task_node* const node = each->deque.pop()) return node;
    }
    return nullptr;
  };
  while (task_node* const node = pop()) {
    discarded_.fetch_add(1, std::memory_order_relaxed);
    free_node(node);
  }
}

void crew::restart() {
  if (is_forked()) throw std::logic_error("the " + title() + " is restarted in the child of a fork: make a new one");
  std::size_t spawn = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (!draining_) return;
    if (threads_ != 0)
      throw std::logic_error("the " + title() + " is restarted while " + std::to_string(threads_) +
                             " of its threads still run: stop() it first");
    draining_ = discarding_ = false;
    discarded_earlier_ = discarded_.load(std::memory_order_relaxed);
    stop_source_ = std::stop_source();
    set_orders();
    static_cast<void>(set_startable());
    queue_.open();
    spawn = min_workers_;
  }
  while (spawn-- != 0 && start_another()) {
  }
  check_after_room_for_wakes();
}

void crew::refuse_own_worker(const char* what) const {
  if (own_worker() != nullptr || is_guest())
    throw std::logic_error("a task of the " + title() + " " + what + ", and would wait for itself");
}

std::stop_token crew::stop_token() const {
  const std::scoped_lock lock(mutex_);
  return stop_source_.get_token();
}

worker* crew::worker_at(std::size_t index) const noexcept { return table_.load(std::memory_order_acquire)->at[index]; }

std::size_t crew::places() const noexcept { return table_.load(std::memory_order_acquire)->count; }

// What ages: free chunks of the queue, the arrays of deques after a burst, and the threads that ended.
bool crew::age(age_level) noexcept {
  bool is_left = !try_join_ended();
  is_left = queue_.trim() || is_left;
  bool looks = false, waits = false;
  std::size_t missing = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = sync::now();
    for (const auto& each : workers_) {
      // Its thread trims the deque, not this one with mutex_ held: the epoch domain may run deleters of anybody then.
      each->trim_wanted.store(true, std::memory_order_relaxed);
      if (each->is_sleeping && each->deque.is_grown()) {
        rouse(*each, false);
        sync::unpark_one(each->state);
        is_left = true;
      }
      is_left = see_running(*each, now) || is_left;
    }
    looks = std::exchange(starts_failed_, false);
    static_cast<void>(set_startable());
    // A searcher that is stopped, by a debugger say, keeps others from being woken; so does one that has gone to sleep
    // and is stopped before it looks once more; and one that was taken out of the sleepers lies there until the one
    // goes on who has done that. So when tasks wait, none of these is counted on: at worst one worker is woken for
    // nothing.
    waits = !paused_ && !draining_ && has_work();
    if (waits) {
      count_searchers_off();
      for (const auto& each : workers_)
        if (each->has_thread && !each->is_sleeping) sync::unpark_one(each->state);
    }
    is_left = is_left || waits || sleeping_ != threads_;
    if (!draining_ && threads_ - leaving_ < min_workers_) missing = min_workers_ - (threads_ - leaving_);
  }
  for (; missing != 0 && start_another(); --missing) {
  }
  if (looks) check_after_room_for_wakes();
  if (waits) wake_one();
  const std::scoped_lock lock(mutex_);
  return is_left || starts_failed_ || missing != 0;
}

// Notes since when its task runs. With mutex_ held.
bool crew::see_running(worker& mine, sync::clock::time_point now) noexcept {
  const std::uint64_t started = mine.started.get();
  const bool runs = mine.running.load(std::memory_order_relaxed) != 0;
  if (started != mine.seen_started || !runs) mine.running_since = now;
  mine.seen_started = started;
  return runs;
}

void crew::prepare_fork() noexcept {
  mutex_.lock();
  handed_mutex_.lock();
  failures_mutex_.lock();
  room_.lock_for_fork();
  queue_.lock_for_fork();
}

void crew::after_fork(bool is_child) noexcept {
  if (is_child) {
    place() = {};
    is_forked_.store(true, std::memory_order_relaxed);
    fork_count.fetch_add(1, std::memory_order_relaxed);
    draining_ = true;
    threads_ = sleeping_ = leaving_ = 0;
    guests_ = nullptr;
    warmest_ = coldest_ = nullptr;
    for (const auto& each : workers_) {
      each->has_thread = each->to_join = each->left_to_join = each->is_sleeping = false;
      each->running.store(0, std::memory_order_relaxed);
    }
    idle_.store(0, std::memory_order_relaxed);
    startable_ = 0;
    set_orders();
  }
  queue_.unlock_after_fork(is_child);
  room_.unlock_after_fork(is_child);
  failures_mutex_.unlock();
  handed_mutex_.unlock();
  mutex_.unlock();
}

}  // namespace cistern::inline v0::detail
