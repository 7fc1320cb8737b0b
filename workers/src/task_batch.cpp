// SPDX-License-Identifier: MIT
//
// Orders: [a] release in end() <-> [b] acquire in wait_for(): the value. Those in the list are read with its mutex.
#include <cistern/workers/task_batch.hpp>

#include <mutex>
#include <string>

namespace cistern::inline v0::detail {

namespace {

// The group need not keep what the entries have.
task_group_options for_group(task_group_options options) {
  options.failures = group_failures::to_pool;
  return options;
}

}  // namespace

batch_core::batch_core(crew& pool, const task_group_options& options)
    : cancels_(options.failures == group_failures::cancel_rest), group_(pool, for_group(options)) {}

void batch_core::end(batch_entry& entry) noexcept {
  {
    const std::scoped_lock lock(mutex_);
    (first_ended_ != nullptr ? last_ended_->next : first_ended_) = &entry;
    last_ended_ = &entry;
    unread_.fetch_add(1, std::memory_order_relaxed);
    entry.has_ended.store(true, std::memory_order_release);  // [a] pairs with [b]
  }
  group_.wake_after_change();  // the task counts still, so the group is there
}

void batch_core::take_failure(batch_entry& entry) noexcept {
  entry.failure = std::current_exception();
  if (cancels_) group_.cancel();
  group_core::count_failure();
}

batch_entry* batch_core::pop_ended() noexcept {
  const std::scoped_lock lock(mutex_);
  while (first_ended_ != nullptr) {
    batch_entry& oldest = *first_ended_;
    first_ended_ = oldest.next;
    unread_.fetch_sub(1, std::memory_order_relaxed);
    if (!std::exchange(oldest.is_handed_out, true)) return &oldest;
  }
  return nullptr;
}

batch_entry* batch_core::next(sync::clock::time_point deadline) {
  const auto is_there = [](const void* self) {
    const auto& own = *static_cast<const batch_core*>(self);
    return own.unread_.load(std::memory_order_relaxed) != 0 || own.group_.pending() == 0;
  };
  for (;;) {
    const bool was_pending = group_.pending() != 0;
    if (batch_entry* const oldest = pop_ended()) return oldest;
    if (!was_pending || !group_.wait({is_there, this}, deadline)) return nullptr;
  }
}

void batch_core::wait_for(batch_entry& entry) {
  const auto has_ended = [](const void* what) {
    return static_cast<const batch_entry*>(what)->has_ended.load(std::memory_order_acquire);  // [b] pairs with [a]
  };
  if (!has_ended(&entry)) static_cast<void>(group_.wait({has_ended, &entry}, sync::clock::time_point::max()));
}

bool batch_core::take(batch_entry& entry) noexcept {
  const std::scoped_lock lock(mutex_);
  return !std::exchange(entry.is_handed_out, true);
}

void batch_core::refuse_index(std::size_t index, std::size_t size) {
  throw std::out_of_range("task_batch: the task " + std::to_string(index) + " of " + std::to_string(size));
}

void batch_core::refuse_second_get(std::size_t index) {
  throw std::logic_error("task_batch: the result of the task " + std::to_string(index) + " was handed out before");
}

}  // namespace cistern::inline v0::detail
