// SPDX-License-Identifier: MIT
//
// Design: a table of instances under one mutex, and for each thread a table of values that only the thread itself
// reads and writes. A thread's table is indexed like the instances' and grows as needed.
//
// A thread's states: uninitialised -> live (first attach) -> dying (its exit is told to the instances) -> dead.
// The hook is called as late as a thread can be seen to end (sync::at_thread_exit), so that destructors of other POSIX
// keys may still use the pools.
//
// Invariants: I1 an instance's generation changes exactly when it leaves; I2 values are read by their own thread only,
// so they need no order; I3 exit callbacks run under the mutex, hence never for an instance that has left.
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/thread_registry.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <utility>

namespace cistern::inline v0 {
namespace {

struct record {
  void* self;  // nullptr: free
  thread_registry::thread_exit on_thread_exit;
  std::uint32_t generation;
  thread_registry::exit_order order;
};

constinit mutex registry_mutex;
// Guarded by registry_mutex. Never freed: static destructors come here.
constinit record* records = nullptr;
constinit std::uint32_t record_count = 0, record_capacity = 0;

constinit detail::fork_handler at_fork{
    .rank = detail::fork_rank::thread_registry,
    .prepare = [](void*) noexcept { registry_mutex.lock(); },
    .parent = [](void*) noexcept { registry_mutex.unlock(); },
    .child = [](void*) noexcept { registry_mutex.unlock(); },
};

// Tells the instances of this order. A callback may attach values anew, in another index or in its own, hence the
// rounds.
void tell_instances(thread_words& words, thread_registry::exit_order order) noexcept {
  constexpr int rounds = 4;
  bool told = true;
  for (int round = 0; told && round < rounds; ++round) {
    told = false;
    for (std::uint32_t index = 0; index < words.size; ++index) {
      const thread_words::entry entry = words.entries[index];
      if (entry.generation == 0 || index >= record_count) continue;
      const record& instance = records[index];
      if (instance.self == nullptr || instance.generation != entry.generation || instance.order != order) continue;
      words.entries[index].generation = 0;
      instance.on_thread_exit(instance.self, entry.value);
      told = true;
    }
  }
}

void end_thread() noexcept {
  thread_words& words = sync::words();
  const std::scoped_lock lock(registry_mutex);
  tell_instances(words, thread_registry::exit_order::users);
  words.state = thread_words::life::dying;
  tell_instances(words, thread_registry::exit_order::used);
  words.state = thread_words::life::dead;
  words.size = 0;
  delete[] std::exchange(words.entries, nullptr);
}

template <class T>
bool grow(T*& array, std::uint32_t& capacity, std::uint32_t wanted) noexcept {
  if (wanted <= capacity) return true;
  const std::uint32_t size = wanted > 2 * capacity ? wanted : 2 * capacity;
  auto* const larger = new (std::nothrow) T[size]{};
  if (larger == nullptr) return false;
  std::copy_n(array, capacity, larger);
  delete[] std::exchange(array, larger);
  capacity = size;
  return true;
}

}  // namespace

thread_registry::instance thread_registry::enter(void* self, thread_exit on_thread_exit, exit_order order) {
  detail::install(at_fork);
  const std::scoped_lock lock(registry_mutex);
  std::uint32_t index = 0;
  while (index < record_count && records[index].self != nullptr) ++index;
  if (index == record_count) {
    if (!grow(records, record_capacity, record_count + 1)) throw std::bad_alloc();
    ++record_count;
    records[index].generation = 1;
  }
  records[index].self = self;
  records[index].on_thread_exit = on_thread_exit;
  records[index].order = order;
  return {.index = index, .generation = records[index].generation};
}

void thread_registry::leave(instance id) noexcept {
  const std::scoped_lock lock(registry_mutex);
  record& left = records[id.index];
  left.self = nullptr;
  left.generation = left.generation == std::numeric_limits<std::uint32_t>::max() ? 1 : left.generation + 1;
}

bool thread_registry::attach(instance id, void* value) noexcept {
  thread_words& words = sync::words();
  if (words.state == thread_words::life::uninitialised) {
    if (!sync::at_thread_exit(end_thread)) return false;
    words.state = thread_words::life::live;
  }
  if (words.state != thread_words::life::live || !grow(words.entries, words.size, id.index + 1)) return false;
  words.entries[id.index] = {.generation = id.generation, .value = value};
  return true;
}

}  // namespace cistern::inline v0
