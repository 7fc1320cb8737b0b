// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace cistern::inline v0::detail {

/// An array of a deque: this, and behind it `capacity` slots, which the deque goes round.
struct alignas(64) task_array {
  using slot_type = sync::atomic<void*>;

  std::uint64_t capacity;  // a power of two
  task_array* next;        // of those that are to be retired; the owner's

  slot_type& slot(std::uint64_t index) noexcept {
    return reinterpret_cast<slot_type*>(this + 1)[index & (capacity - 1)];
  }
  std::size_t bytes() const noexcept { return sizeof(task_array) + capacity * sizeof(slot_type); }
};

/// task_deque of any pointers.
class alignas(128) task_deque_core {  // NOLINT(clang-analyzer-optin.performance.Padding): lines of their own
 public:
  task_deque_core(std::pmr::memory_resource& upstream, epoch_domain& domain) noexcept
      : upstream_(&upstream), domain_(&domain) {}
  CISTERN_EXPORT ~task_deque_core();
  task_deque_core(const task_deque_core&) = delete;
  task_deque_core& operator=(const task_deque_core&) = delete;

  bool push(void* task) noexcept {
    const std::uint64_t bottom = bottom_.load(std::memory_order_relaxed);
    if (bottom - top_seen_ >= limit_) [[unlikely]]
      return push_with_room(task);
    own_slot(bottom).store(task, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_release);  // [a] pairs with [b]: the slot, and what the task points to
    return true;
  }

  void* pop() noexcept {
    const std::uint64_t bottom = bottom_.load(std::memory_order_relaxed);
    const std::uint64_t last = bottom - 1;
    std::uint64_t top = top_.load(std::memory_order_relaxed);
    if (top >= bottom) return nullptr;  // top never falls, so this is no guess
    if (top == last) return take_last(top);
    bottom_.store(last, std::memory_order_release);  // [a] again, for who reads this bottom; and before [c]
    top = sync::fence_then_load(top_);               // [c] pairs with [d]: see task_deque.cpp
    if (top < last) [[likely]]
      return own_slot(last).load(std::memory_order_relaxed);
    void* const task = top == last ? take_last(top) : nullptr;
    bottom_.store(bottom, std::memory_order_release);  // [a] again
    return task;
  }

  CISTERN_EXPORT void* steal() noexcept;
  CISTERN_EXPORT void trim() noexcept;

  std::uint64_t bottom() const noexcept { return bottom_.load(std::memory_order_relaxed); }

  bool is_grown() const noexcept {
    const task_array* const array = array_.load(std::memory_order_relaxed);
    return array != nullptr && array->capacity > first_capacity;
  }
  bool looks_empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept {
    const std::uint64_t top = top_.load(std::memory_order_acquire);  // acquire: so that bottom is not an older one
    const std::uint64_t bottom = bottom_.load(std::memory_order_relaxed);
    return bottom > top ? bottom - top : 0;
  }

 private:
  static constexpr std::uint64_t first_capacity = 64;

  // Only the owner writes to slots. Orders nothing: what a thief must see comes before a fence or by bottom.
  void* take_last(std::uint64_t top) noexcept {
    const bool won = top_.compare_exchange_strong(top, top + 1, std::memory_order_relaxed);
    return won ? own_slot(top).load(std::memory_order_relaxed) : nullptr;
  }
  task_array::slot_type& own_slot(std::uint64_t index) noexcept {
    return array_.load(std::memory_order_relaxed)->slot(index);
  }

  CISTERN_EXPORT bool push_with_room(void* task) noexcept;
  bool replace_array(std::uint64_t capacity) noexcept;
  void retire_replaced() noexcept;
  task_array* make_array(std::uint64_t capacity) noexcept;
  void unmake_array(task_array& array) noexcept;
  static void unmake_retired(void* array, void* self) noexcept;

  // Written by the owner, the first two read by thieves.
  sync::atomic<std::uint64_t> bottom_{0};      // where the next task goes
  sync::atomic<task_array*> array_{nullptr};   // nullptr before the first push
  std::uint64_t top_seen_ = 0;                 // a top of before
  std::uint64_t limit_ = 0;                    // tasks that this period justifies: at most the array's capacity
  std::uint64_t last_limit_ = 0;               // and the period before it
  task_array* replaced_ = nullptr;             // not retired yet
  std::pmr::memory_resource* const upstream_;  // constant
  epoch_domain* const domain_;                 // constant

  // Written by all.
  alignas(128) sync::atomic<std::uint64_t> top_{0};  // where the oldest task is
  sync::atomic<std::uint32_t> retired_{0};           // arrays that the domain has
};

/// The queue of one worker, from which others may steal: the owner pushes and pops at one end, last in first out, and
/// thieves take from the other, first in first out.
///
/// Holds pointers and owns nothing of what they point to: drain it before its end. For tasks that come from outside of
/// the pool use a queue that is shared; this one has a single thread that pushes.
///
/// Role model: the deque of D. Chase and Y. Lev, with arrays that shrink too, and are reclaimed by an epoch domain.
/// A look at an empty deque costs a thief two loads and no fence. The last task is taken at the thieves' end, by one
/// locked instruction instead of two.
///
/// Threads: push(), pop() and trim() by the owner (one thread at a time; another one may become the owner when the old
/// one's last call happens before), the rest by any. Nobody may use it when it is destroyed.
///
/// Ownership: the upstream is called by any thread that runs the domain's deleters, so it must be thread-safe. The
/// destructor waits for the arrays that are with the domain (epoch_domain::barrier), if there are any: destroy it
/// outside of regions and deleters. The domain outlives it.
///
/// Happens-before: what the owner did before push() happens before the return of the pop() or steal() that has it.
/// Nothing else is ordered: before a thread that has pushed looks whether anybody sleeps, it needs a fence of its own.
///
/// Progress: pop() is wait-free; push() too, unless the array grows, when it allocates and then retires the old array,
/// which may run deleters of others (epoch_domain::retire). steal() is lock-free: it looks again when another thread
/// was faster.
///
/// Costs, by g++: push and pop 7 to 10 ns together, steal 13 ns (perf/workers/task_deque_bench.cpp); most of it is the
/// locked instruction or the fence in each. Indices have 64 bits and only grow: a thousand million pushes a second
/// would wrap them after 584 years.
template <class T>
class task_deque : private task_deque_core {
 public:
  /// Allocates nothing.
  explicit task_deque(std::pmr::memory_resource& upstream,
                      epoch_domain& domain = epoch_domain::default_domain()) noexcept
      : task_deque_core(upstream, domain) {}

  /// Not nullptr. False when the array is full and there is no memory for a larger one: then nothing has happened.
  bool push(T* task) noexcept { return task_deque_core::push(task); }

  /// The newest task, or nullptr when there is none.
  T* pop() noexcept { return static_cast<T*>(task_deque_core::pop()); }

  /// The oldest task; nullptr when at some moment of the call there was none that the owner was not about to pop. Also
  /// nullptr when this is the thread's first region in the domain and there is no memory for its place there: then it
  /// may be tried again, or the owner gets to the task. A thread that has pinned once cannot fail like that.
  T* steal() noexcept { return static_cast<T*>(task_deque_core::steal()); }

  /// The owner's: the index that the next push takes. What lies from here on was pushed later.
  using task_deque_core::bottom;

  /// About how many tasks there are, and whether it is none. A hint; to the owner it says no less than there are.
  using task_deque_core::looks_empty, task_deque_core::size;

  /// For a tick of a clock: gives back an array that is larger than the most tasks that there were between the last
  /// tick but one and now. Never below 64 slots. Does nothing when there is no memory for the smaller one.
  using task_deque_core::trim;

  /// It has more than the first 64 slots. The owner, or who knows that the owner does nothing meanwhile.
  using task_deque_core::is_grown;
};

}  // namespace cistern::inline v0::detail
