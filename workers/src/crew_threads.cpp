// SPDX-License-Identifier: MIT
//
// How threads come into a crew's places, and leave them. See crew.cpp for its invariants.
//
// A place is taken with mutex_ held; its thread is made without. A thread that ends says so with mutex_ held, as its
// last act but for its thread_local destructors; it is joined when its place is taken again or at a tick, if it is gone
// by then, and else by stop(), which waits for it. A place has room for two such threads; then another one is used.
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/workers/detail/crew.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include <pthread.h>
#include <sched.h>

namespace cistern::inline v0::detail {

constinit sync::atomic<crew::thread_maker> crew::make_thread{
    [](pthread_t* made, void* (*run)(void*), void* argument) { return pthread_create(made, nullptr, run, argument); }};

bool crew::start(worker& mine) noexcept {
  const int failed = make_thread.load(std::memory_order_relaxed)(&mine.thread, thread_main, &mine);
  if (failed == 0) return true;
  {
    const std::scoped_lock lock(mutex_);
    start_failed(mine);
  }
  background_reclaimer::wake();
  check_after_room_for_wakes();  // it has been a searcher: who put a task meanwhile has woken nobody
  return false;
}

void crew::start_failed(worker& mine) noexcept {
  failed_starts_.fetch_add(1, std::memory_order_relaxed);
  starts_failed_ = true;  // none is started before the next tick, whoever comes
  idle_.fetch_sub(counted_as_searcher(mine), std::memory_order_seq_cst);
  mine.has_thread = false;
  --threads_;
  static_cast<void>(set_startable());
  tell_waiters();
}

// A thread without the memory to work.
void crew::thread_failed(worker& mine) noexcept {
  {
    const std::scoped_lock lock(mutex_);
    start_failed(mine);
    mine.to_join = true;
  }
  background_reclaimer::wake();
  check_after_room_for_wakes();
}

void* crew::thread_main(void* argument) noexcept {
  worker& mine = *static_cast<worker*>(argument);
  crew& self = mine.pool;
  self.name_thread(mine);
  self.run_worker(mine);
  return nullptr;
}

void crew::thread_ended(worker& mine) noexcept {
  bool nobody_was_wakeable = false;
  {
    const std::scoped_lock lock(mutex_);
    idle_.fetch_sub(counted_as_searcher(mine), std::memory_order_seq_cst);
    --threads_;
    if (std::exchange(mine.is_leaving, false)) --leaving_;
    mine.has_thread = false;
    mine.to_join = true;
    nobody_was_wakeable = set_startable();
    tell_waiters();
  }
  // The crew is alive until this thread is joined.
  if (nobody_was_wakeable) check_after_room_for_wakes();
}

// True when somebody can be woken who could not before.
bool crew::set_startable() noexcept {
  const bool allowed = !draining_ && !starts_failed_ && threads_ < max_workers_;
  const std::size_t startable = allowed ? max_workers_ - threads_ : 0;
  const std::uint64_t change = (startable - startable_) * idle_word::one_wakeable;  // wraps as it should
  startable_ = startable;
  if (change == 0) return false;
  const idle_word before(idle_.fetch_add(change, std::memory_order_seq_cst));
  return before.wakeable() == 0;
}

// A place for a new thread, counted among the threads already; nullptr when there is no memory for one.
worker* crew::take_place() {
  worker* found = nullptr;
  for (const auto& each : workers_) {
    if (each->has_thread) continue;
    join_gone(*each);
    if (!each->to_join || !each->left_to_join) found = each.get();
    if (!each->to_join) break;
  }
  // A thread that is still in its thread_local destructors, or is this very one, is left for later: nobody waits for it
  // here.
  if (found != nullptr && std::exchange(found->to_join, false)) {
    found->left = found->thread;
    found->left_to_join = true;
  }
  try {
    if (found == nullptr) {
      add_place();
      found = workers_.back().get();
    }
  } catch (...) {
    failed_starts_.fetch_add(1, std::memory_order_relaxed);
    starts_failed_ = true;  // until the next tick
    static_cast<void>(set_startable());
    return nullptr;
  }
  found->has_thread = true;
  ++threads_;
  most_threads_ = std::max(most_threads_, threads_);
  return found;
}

void crew::add_place() {
  auto made = std::make_unique<worker>(*this, workers_.size(), arena_options_, queue_upstream_, queue_);
  auto table = std::make_unique<worker_table>();
  table->count = workers_.size() + 1;
  table->at = std::make_unique<worker*[]>(table->count);
  for (std::size_t i = 0; i < workers_.size(); ++i) table->at[i] = workers_[i].get();
  table->at[workers_.size()] = made.get();
  workers_.reserve(workers_.size() + 1);
  tables_.reserve(tables_.size() + 1);
  workers_.push_back(std::move(made));
  table_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
}

bool crew::start_another() noexcept {
  background_reclaimer::wake();  // it may be stopped before it sleeps
  worker* started = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (startable_ == 0) return false;
    started = take_place();
    if (started == nullptr) return false;
    static_cast<void>(set_startable());
  }
  return start(*started);
}

bool crew::start_drainer() noexcept {
  worker* started = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    started = take_place();
  }
  return started != nullptr && start(*started);
}

void crew::name_thread(const worker& mine) noexcept {
  char name[16];
  const char* const stem = name_.empty() ? "worker" : name_.c_str();
  char number[8];
  const int digits = std::snprintf(number, sizeof number, "-%u", static_cast<unsigned>(mine.index));
  std::snprintf(name, sizeof name, "%.*s%s", 15 - digits, stem, number);
  pthread_setname_np(pthread_self(), name);
  pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
  const auto count = static_cast<std::size_t>(CPU_COUNT(&processors_));
  if (count == 0) return;  // unknown: more than fit into the set
  cpu_set_t wanted = processors_;
  if (affinity_ == worker_affinity::one_each) {
    std::size_t cpu = 0;
    for (std::size_t before = mine.index % count + 1; before != 0; ++cpu)
      if (CPU_ISSET(cpu, &processors_)) --before;
    CPU_ZERO(&wanted);
    CPU_SET(cpu - 1, &wanted);
  }
  pthread_setaffinity_np(pthread_self(), sizeof wanted, &wanted);
}

void crew::join_ended() noexcept {
  const auto take_ended = [this](pthread_t& ended) {
    const std::scoped_lock lock(mutex_);
    for (const auto& each : workers_) {
      if (each->left_to_join) {
        each->left_to_join = false;
        ended = each->left;
        ++joining_;
        return true;
      }
      if (each->to_join) {
        each->to_join = false;
        ended = each->thread;
        ++joining_;
        return true;
      }
    }
    return false;
  };
  for (pthread_t ended{}; take_ended(ended);) {
    pthread_join(ended, nullptr);
    const std::scoped_lock lock(mutex_);
    --joining_;
    tell_waiters();
  }
}

// Only those that are gone: one whose thread_local destructors still run must not hold the clock up, and a stop() waits
// for it. False when there are such.
bool crew::try_join_ended() noexcept {
  bool all = true;
  const std::scoped_lock lock(mutex_);
  for (const auto& each : workers_) {
    join_gone(*each);
    all = all && !each->left_to_join && !each->to_join;
  }
  return all;
}

// With mutex_ held.
void crew::join_gone(worker& place) noexcept {
  if (place.left_to_join) place.left_to_join = pthread_tryjoin_np(place.left, nullptr) != 0;
  if (place.to_join) place.to_join = pthread_tryjoin_np(place.thread, nullptr) != 0;
}

}  // namespace cistern::inline v0::detail
