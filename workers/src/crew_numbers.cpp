// SPDX-License-Identifier: MIT
//
// What a crew says of itself: numbers, running tasks, failures, and errors.
#include "words.hpp"
#include <cistern/allocators/fatal.hpp>
#include <cistern/workers/detail/crew.hpp>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>

namespace cistern::inline v0 {

std::string_view to_string(submission what) noexcept {
  switch (what) {
    case submission::accepted:
      return "accepted";
    case submission::ran_here:
      return "ran here";
    case submission::full:
      return "full";
    case submission::timed_out:
      return "timed out";
    case submission::cancelled:
      return "cancelled";
    case submission::stopped:
      return "stopped";
    case submission::no_memory:
      return "no memory";
  }
  return "unknown";
}

namespace detail {

void crew::report_failure(const source_site& site, const std::exception_ptr& thrown) noexcept {
  try {
    failed_task failed{site, in_words(thrown)};
    const std::scoped_lock lock(failures_mutex_);
    failures_[failure_count_ % failures_.size()] = std::move(failed);
    ++failure_count_;
  } catch (...) {  // no memory for the text
  }
  if (on_exception_) return on_exception_(thrown, site);
  try {
    warn(("a task of the " + title() + ", submitted at " + in_words(site) + ", threw: " + in_words(thrown)).c_str());
  } catch (...) {
    warn("a task of a worker_pool threw");
  }
}

std::string crew::title() const { return name_.empty() ? "worker_pool without a name" : "worker_pool " + name_; }

void crew::refuse(submission why) const {
  if (why == submission::no_memory) throw std::bad_alloc();
  std::string message = "the " + title() + ' ';
  switch (why) {
    case submission::full:
      message += is_direct_ ? "has no worker free for the task, and a queue_bound of 0"
                            : "is full: " + std::to_string(bound_) + " tasks wait, its queue_bound";
      break;
    case submission::timed_out:
      message += "had no room for the task in time";
      break;
    case submission::cancelled:
      message += "did not take the task before its stop was requested";
      break;
    default:
      message +=
          is_forked() ? "was made before a fork, and its workers are in the parent: make a new one" : "is stopped";
  }
  throw submission_refused(why, message);
}

std::vector<running_task> crew::running_tasks() const {
  std::vector<running_task> found;
  const std::scoped_lock lock(mutex_);
  const auto now = sync::now();
  for (const auto& each : workers_) {
    const std::uint64_t running = each->running.load(std::memory_order_relaxed);
    if (running == 0) continue;
    static_cast<void>(see_running(*each, now));  // seen for the first time, it may have begun just now
    found.push_back({each->index, task_site::of_word(running & ~running_mark).get(), now - each->running_since, name_});
  }
  for (const guest_run* each = guests_; each != nullptr; each = each->next)
    found.push_back({running_task::no_worker, each->site, now - each->since, name_});
  return found;
}

std::size_t crew::load() const noexcept {
  const std::size_t waiting = queue_.size() + handed_over_.load(std::memory_order_relaxed);
  const std::scoped_lock lock(mutex_);
  const std::size_t awake = threads_ - sleeping_;
  return waiting + awake - std::min<std::size_t>(awake, idle_word(idle_.load(std::memory_order_relaxed)).searchers());
}

worker_pool_statistics crew::statistics() const {
  worker_pool_statistics numbers{};
  numbers.name = name_;
  // Queued before started, so that no task is counted in neither.
  numbers.queued = queue_.size();
  numbers.submitted = queue_.pushed();
  {
    const std::scoped_lock lock(mutex_);
    numbers.workers = threads_;
    numbers.idle = sleeping_;
    numbers.min_workers = min_workers_;
    numbers.max_workers = max_workers_;
    numbers.paused = paused_;
    numbers.stopped = draining_;
    numbers.most_workers = most_threads_;
    std::uint64_t finished = 0;
    for (const auto& each : workers_) {
      numbers.nested += each->deque.size();
      numbers.running += each->running.load(std::memory_order_relaxed) != 0 ? 1U : 0U;
      finished += each->finished.get();
      numbers.failed += each->failed.get();
      numbers.cancelled += each->cancelled.get();
      numbers.expired += each->expired.get();
      numbers.started += each->started.get();
      numbers.submitted += each->submitted.get();
      numbers.steals += each->steals.get();
      numbers.parks += each->parks.get();
      numbers.waited += each->waited.get();
      numbers.ran += each->ran.get();
    }
    for (const guest_run* each = guests_; each != nullptr; each = each->next) numbers.running += each->counts ? 1U : 0U;
    const std::uint64_t not_completed = numbers.failed + numbers.cancelled + numbers.expired;
    numbers.completed = std::max(finished, not_completed) - not_completed;
    numbers.nested += handed_over_.load(std::memory_order_relaxed) + held_.load(std::memory_order_relaxed);
  }
  numbers.waiting = room_.waiting();
  const auto read = [](const sync::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  numbers.submitted += read(group_submitted_);
  numbers.started += read(guest_started_);
  numbers.failed += read(guest_failed_);
  numbers.cancelled += read(guest_cancelled_);
  const std::uint64_t guests_not_completed = read(guest_failed_) + read(guest_cancelled_);
  numbers.completed += std::max(read(guest_finished_), guests_not_completed) - guests_not_completed;
  numbers.dropped = read(dropped_);
  numbers.discarded = read(discarded_);
  numbers.rejected = read(rejected_);
  numbers.timed_out = read(timed_out_);
  numbers.ran_here = read(ran_here_);
  numbers.wakes = read(wakes_);
  numbers.failed_starts = read(failed_starts_);
  numbers.queue_high_water = queue_.high_water();
  numbers.queue_bytes = queue_.chunk_count() * task_queue::chunk_bytes();
  const std::scoped_lock lock(failures_mutex_);
  const std::uint64_t count = failure_count_;
  const std::uint64_t kept = std::min<std::uint64_t>(count, failures_.size());
  for (std::uint64_t i = count - kept; i < count; ++i) numbers.failures.push_back(failures_[i % failures_.size()]);
  return numbers;
}

}  // namespace detail
}  // namespace cistern::inline v0
