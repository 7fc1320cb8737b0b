// SPDX-License-Identifier: MIT
//
// How tasks come into a crew, what happens when there is no room for them, and those that are handed over. Only what
// groups put into their workers' deques is put inline. See crew.cpp for its invariants.
#include <cistern/allocators/deadline.hpp>
#include <cistern/workers/detail/checked_task.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/detail/group_core.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>

namespace cistern::inline v0::detail {

submission crew::try_put(const erased_filler& filler) {
  if (filler.copies_late()) [[unlikely]]
    return put_copy(filler, [this](const erased_filler& made) { return try_put(made); });
  const auto put = [this](const erased_filler& what) {
    if (worker* const mine = own_worker()) return put_inside(*mine, what);
    if (is_bounded_ && !room_.try_acquire())
      return refused(orders() >= order::drain ? submission::stopped : submission::full);
    return put_outside(what);
  };
  if (measures_) [[unlikely]]
    return put_checked(filler, nullptr, put);
  return put(filler);
}

submission crew::put(const erased_filler& filler, const submit_options* how) {
  if (filler.copies_late()) [[unlikely]]
    return put_copy(filler, [&](const erased_filler& made) { return put(made, how); });
  if (measures_ || checked_task::is_needed_for(how)) [[unlikely]]
    return put_checked(filler, how, [&](const erased_filler& checked) { return put_as_it_is(checked, how); });
  return put_as_it_is(filler, how);
}

// A copy that may throw, or take its time, or a lock, is made before the task has room and a cell.
template <class Put>
submission crew::put_copy(const erased_filler& filler, Put&& put) {
  task copy;
  copy.fill(filler);
  task_giver gives(copy);
  return put(erased_filler(gives));
}

template <class Put>
submission crew::put_checked(const erased_filler& filler, const submit_options* how, Put&& put) {
  const std::optional<sync::clock::time_point> now = measures_ ? std::optional(sync::now()) : std::nullopt;
  if (filler.leaves_room() && !checked_task::is_needed_for(how)) {
    task_filler<timed_task, const sync::clock::time_point&, const erased_filler&> timed(filler.site(), *now, filler);
    return put(erased_filler(timed));
  }
  task_filler<checked_task, const submit_options*&, const std::optional<sync::clock::time_point>&, const erased_filler&>
      checked(filler.site(), how, now, filler);
  return put(erased_filler(checked));
}

submission crew::put_as_it_is(const erased_filler& filler, const submit_options* how) {
  if (how != nullptr && how->stop.stop_requested()) [[unlikely]]
    return refused(submission::cancelled);
  if (worker* const mine = own_worker()) return put_inside(*mine, filler);
  if (is_bounded_ && !room_.try_acquire()) [[unlikely]] {
    const submission room = wait_for_room(how);
    if (room == submission::ran_here) {
      if (how != nullptr && how->start_before != sync::clock::time_point::max() && sync::now() > how->start_before)
        return refused(submission::timed_out);
      ran_here_.fetch_add(1, std::memory_order_relaxed);
      task here;
      here.fill(filler);
      run_as_guest(here);
      return room;
    }
    if (room != submission::accepted) return room;
  }
  return put_outside(filler);
}

// With room in the queue.
submission crew::put_outside(const erased_filler& filler) {
  struct ending {
    crew& self;
    bool is_put = false;  // a task, or an empty one, has the room
    ~ending() {
      if (is_put)
        self.notify();
      else if (self.is_bounded_)
        self.room_.release();
    }
  } ends{*this};
  const epoch_guard region;
  ends.is_put = true;
  const task_queue::outcome outcome = queue_.push(filler, region);
  if (outcome == task_queue::outcome::accepted) [[likely]]
    return submission::accepted;
  ends.is_put = false;
  return refused(outcome == task_queue::outcome::closed ? submission::stopped : submission::no_memory);
}

// Tasks that are handed over.

void crew::hand_over(task_node* node) noexcept {
  group_core* const group = group_of(node->work);
  {
    const std::scoped_lock lock(handed_mutex_);
    node->next = nullptr;
    node->previous = last_handed_;
    (first_handed_ != nullptr ? last_handed_->next : first_handed_) = node;
    last_handed_ = node;
    if (group != nullptr) group->add_handed(*node);  // within the lock: then it is there, since its task is
    handed_over_.fetch_add(1, std::memory_order_release);
  }
  notify();
}

// With handed_mutex_ held. A group's tasks are in the same order in its own list, and always taken from its beginning.
void crew::unlink_handed_over(task_node* node) noexcept {
  (node->previous != nullptr ? node->previous->next : first_handed_) = node->next;
  (node->next != nullptr ? node->next->previous : last_handed_) = node->previous;
  if (group_core* const group = group_of(node->work)) group->remove_first_handed();
  handed_over_.fetch_sub(1, std::memory_order_relaxed);
}

task_node* crew::take_handed_over() noexcept {
  const std::scoped_lock lock(handed_mutex_);
  task_node* const node = first_handed_;
  if (node != nullptr) unlink_handed_over(node);
  return node;
}

task_node* crew::take_handed_over_of(group_core& group) noexcept {
  const std::scoped_lock lock(handed_mutex_);
  task_node* const node = group.first_handed();
  if (node != nullptr) unlink_handed_over(node);
  return node;
}

void crew::count_group_submission(worker* mine) noexcept {
  if (mine != nullptr)
    mine->submitted.add();
  else
    group_submitted_.fetch_add(1, std::memory_order_relaxed);
}

// Ways with a full queue.

submission crew::refused(submission why) noexcept {
  rejected_.fetch_add(1, std::memory_order_relaxed);
  if (why == submission::timed_out) timed_out_.fetch_add(1, std::memory_order_relaxed);
  return why;
}

submission crew::wait_for_room(const submit_options* how) {
  const overflow way = how != nullptr && how->when_full ? *how->when_full : when_full_;
  if (orders() >= order::drain) return refused(submission::stopped);
  if (way == overflow::drop_oldest && is_direct_)
    throw std::invalid_argument("submit_options: when_full is drop_oldest for a pool with a queue_bound of 0");
  if (way == overflow::reject) return refused(submission::full);
  if (way == overflow::run_here) return submission::ran_here;
  if (way == overflow::drop_oldest) {
    while (!room_.try_acquire()) {
      if (orders() >= order::drain) return refused(submission::stopped);
      if (!drop_oldest()) sync::yield();  // the oldest is still being put, or was just taken
    }
    return submission::accepted;
  }
  auto deadline = how != nullptr ? how->deadline : sync::clock::time_point::max();
  if (deadline == sync::clock::time_point::max()) deadline = deadline_after(max_wait_);
  if (how != nullptr) deadline = std::min(deadline, how->start_before);  // later there is nothing to wait for
  // Room comes in less time than a sleep takes, as a rule, where tasks are short.
  if (spin_.count() > 0 && spin_for_room(deadline)) return submission::accepted;
  const std::stop_token stop = how != nullptr ? how->stop : std::stop_token{};
  const std::stop_callback wakes(stop, [this] { room_.wake_all(); });
  submission why = submission::accepted;
  const auto give_up = [&] {
    if (orders() >= order::drain)
      why = submission::stopped;
    else if (stop.stop_requested())
      why = submission::cancelled;
    else if (deadline != sync::clock::time_point::max() && sync::now() >= deadline)
      why = submission::timed_out;
    return why != submission::accepted;
  };
  return room_.acquire(deadline, give_up) ? submission::accepted : refused(why);
}

bool crew::spin_for_room(sync::clock::time_point deadline) noexcept {
  // For more than one, so that producers and consumers do not fight over each.
  const auto wanted = static_cast<std::int64_t>(is_direct_ ? 1 : std::max<std::size_t>(1, bound_ / 8));
  const auto until = std::min(deadline, sync::now() + spin_);
  while (room_.free() < wanted) {
    for (int i = 0; i < 16; ++i) sync::spin_pause();
    if (sync::now() >= until || orders() >= order::drain) break;
  }
  return room_.try_acquire();
}

bool crew::drop_oldest() {
  task oldest;
  if (!queue_.pop(oldest)) return false;
  dropped_.fetch_add(1, std::memory_order_relaxed);
  oldest = task();
  room_.release();
  return true;
}

}  // namespace cistern::inline v0::detail
