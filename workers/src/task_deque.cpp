// SPDX-License-Identifier: MIT
//
// Design: tasks are at the indices from top to bottom. The owner moves bottom; whoever takes the oldest task moves top
// by a compare-exchange, thieves and, for the last task, the owner. An index is at one slot of each array, and an array
// that was replaced is never written to again, so a thief that has the old one finds the same task there, and takes it
// only if top is still where it was.
//   pop() has a full fence, though an asymmetric one would make push and pop 1.5 ns instead of 7: each steal would cost
// 4 to 16 us, and in a tree of tasks all begins with a steal.
//
// Invariants: I1 top never falls, and never passes bottom, but for the one step by which pop() lowers that. I2 the
// owner takes a task other than by the compare-exchange only if top was below it after bottom had been lowered to it.
// I3 what is from top_seen_ to bottom fits into limit_ slots, and limit_ into the array; limit_ doubles, from what a
// trim() leaves, when that many tasks are there, so it is what the period since then needs.
//
// Orders: [a] release in push() and pop() <-> acquire in steal() [b]: the slot, the array and the task. Each store to
// bottom is one, for a thief may read any of them.
//   [c] the fence in pop() <-> that in steal() [d]: one of them is before the other. Say that the owner has taken the
// task at `last` without a compare-exchange, and so has a thief. After [d] the thief found a bottom of before the owner
// lowered it, so [d] is before [c]. But after [c] the owner found a top of before the one that the thief had found
// before [d], so [c] is before [d].
//   [e] release in steal() <-> acquire in push_with_room() and trim() [f]: the thief has read the slot before the owner
// uses it again.
//   [g] release in replace_array() <-> acquire in steal() [h]: the array, and the slots that were copied.
//   [i] release in unmake_retired() <-> acquire in the destructor [j]: the reclaimer's last touch of the deque.
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/workers/detail/task_deque.hpp>

#include <bit>
#include <memory>
#include <new>
#include <utility>

namespace cistern::inline v0::detail {

task_deque_core::~task_deque_core() {
  if (retired_.load(std::memory_order_acquire) != 0) domain_->barrier();  // [j] pairs with [i]
  while (replaced_ != nullptr) unmake_array(*std::exchange(replaced_, replaced_->next));
  if (task_array* const last = array_.load(std::memory_order_relaxed)) unmake_array(*last);
}

void* task_deque_core::steal() noexcept {
  if (looks_empty()) return nullptr;
  try {
    const epoch_guard array_stays(*domain_);
    for (;;) {
      std::uint64_t top = top_.load(std::memory_order_relaxed);                  // before [d]
      if (top >= sync::fence_then_load(bottom_)) return nullptr;                 // [d] pairs with [c], [b] with [a]
      task_array* const array = array_.load(std::memory_order_acquire);          // [h] pairs with [g]
      void* const task = array->slot(top).load(std::memory_order_relaxed);       // before [e], after which it may go
      if (top_.compare_exchange_strong(top, top + 1, std::memory_order_release,  // [e] pairs with [f]
                                       std::memory_order_relaxed))
        return task;
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// Retires last: that may run deleters, which may push here as well.
bool task_deque_core::push_with_room(void* task) noexcept {
  top_seen_ = top_.load(std::memory_order_acquire);  // [f] pairs with [e]
  if (bottom_.load(std::memory_order_relaxed) - top_seen_ >= limit_) {
    const std::uint64_t wanted = std::max(first_capacity, 2 * limit_);
    const task_array* const array = array_.load(std::memory_order_relaxed);
    if ((array == nullptr || array->capacity < wanted) && !replace_array(wanted)) return false;
    limit_ = wanted;
  }
  push(task);
  retire_replaced();
  return true;
}

void task_deque_core::trim() noexcept {
  const task_array* const array = array_.load(std::memory_order_relaxed);
  if (array == nullptr) return;
  top_seen_ = top_.load(std::memory_order_acquire);  // [f] pairs with [e]
  const std::uint64_t justified = std::max(limit_, last_limit_);
  if (justified < array->capacity) replace_array(justified);
  last_limit_ = limit_;
  limit_ = std::max(first_capacity, std::bit_ceil(bottom_.load(std::memory_order_relaxed) - top_seen_));
  retire_replaced();
}

// The tasks from top_seen_ on must fit in.
bool task_deque_core::replace_array(std::uint64_t capacity) noexcept {
  task_array* const made = make_array(capacity);
  if (made == nullptr) return false;
  task_array* const old = array_.load(std::memory_order_relaxed);
  const std::uint64_t bottom = bottom_.load(std::memory_order_relaxed);
  for (std::uint64_t index = top_seen_; index != bottom; ++index)
    made->slot(index).store(old->slot(index).load(std::memory_order_relaxed), std::memory_order_relaxed);
  array_.store(made, std::memory_order_release);  // [g] pairs with [h]
  if (old != nullptr) {
    old->next = replaced_;
    replaced_ = old;
  }
  return true;
}

// What the domain has no memory for waits until the next time.
void task_deque_core::retire_replaced() noexcept {
  while (replaced_ != nullptr) {
    task_array* const array = std::exchange(replaced_, replaced_->next);
    retired_.fetch_add(1, std::memory_order_relaxed);
    try {
      domain_->retire(array, unmake_retired, this, array->bytes());
    } catch (const std::bad_alloc&) {
      retired_.fetch_sub(1, std::memory_order_relaxed);
      array->next = replaced_;
      replaced_ = array;
      return;
    }
  }
}

void task_deque_core::unmake_retired(void* array, void* self) noexcept {
  auto& deque = *static_cast<task_deque_core*>(self);
  deque.unmake_array(*static_cast<task_array*>(array));
  deque.retired_.fetch_sub(1, std::memory_order_release);  // [i] pairs with [j]
}

task_array* task_deque_core::make_array(std::uint64_t capacity) noexcept {
  try {
    const std::size_t bytes = task_array{.capacity = capacity, .next = nullptr}.bytes();
    auto* const made = new (upstream_->allocate(bytes, alignof(task_array))) task_array{capacity, nullptr};
    std::uninitialized_default_construct_n(&made->slot(0), capacity);
    return made;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void task_deque_core::unmake_array(task_array& array) noexcept {
  upstream_->deallocate(&array, array.bytes(), alignof(task_array));
}

}  // namespace cistern::inline v0::detail
