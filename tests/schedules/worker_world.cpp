// SPDX-License-Identifier: MIT
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <schedules/worker_world.hpp>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <utility>

namespace cistern::schedules {

std::size_t worker_world::threads_alive() const noexcept {
  return static_cast<std::size_t>(std::count_if(threads_.begin(), threads_.begin() + thread_count_,
                                                [](const thread& each) { return each.ended.peek() == 0; }));
}

int worker_threads::make(pthread_t* made, void* (*run)(void*), void* argument) noexcept {
  worker_world& world = worker_world::now();
  world.s.yield();
  if (world.fails_to_start != 0) {
    --world.fails_to_start;
    return EAGAIN;
  }
  world.s.require(world.thread_count_ < world.threads_.size(), "the world has not so many threads");
  const std::size_t number = world.thread_count_++;
  *made = number;
  world.s.spawn([&world, number, run, argument] {
    worker_world::thread& self = world.threads_[number];
    self.id = sync::thread_id();
    run(argument);
    self.ended.store(1);
    sync::unpark_all(self.ended);
  });
  return 0;
}

int worker_threads::join(pthread_t ended) noexcept {
  worker_world& world = worker_world::now();
  worker_world::thread& thread = world.threads_[ended];
  world.s.require(!std::exchange(thread.is_joined, true), "a thread is joined twice");
  world.s.require(thread.id != sync::thread_id(), "a thread waits for its own end");
  while (thread.ended.load() == 0) sync::park(thread.ended, 0);
  return 0;
}

int worker_threads::try_join(pthread_t ended) noexcept {
  worker_world& world = worker_world::now();
  worker_world::thread& thread = world.threads_[ended];
  if (thread.ended.load() == 0) return EBUSY;
  world.s.require(!std::exchange(thread.is_joined, true), "a thread is joined twice");
  return 0;
}

void worker_threads::detach(pthread_t) noexcept {
  worker_world::now().s.fail("a thread is left behind that nobody waits for");
}

pthread_t worker_threads::self() noexcept {
  const worker_world& world = worker_world::now();
  const auto* const begin = world.threads_.begin();
  const auto* const own =
      std::find_if(begin, begin + world.thread_count_, [](const auto& each) { return each.id == sync::thread_id(); });
  return static_cast<pthread_t>(own - begin);
}

void* worker_threads::own_place() noexcept {
  using cistern::detail::work_place;
  static_assert(sizeof(work_place) <= sizeof(worker_world::place) && std::is_trivially_destructible_v<work_place>);
  worker_world& world = worker_world::now();
  const std::uint32_t id = sync::thread_id();
  // It is registered as a thread by now, which takes locks that only new threads want.
  if (world.first_freezes_after != 0 && world.thread_count_ != 0 && world.threads_[0].id == id)
    world.s.freeze_after(std::exchange(world.first_freezes_after, 0));
  return world.places_[id <= worker_world::most_threads ? id : 0].bytes;
}

void* task_blocks::allocate(std::size_t bytes, std::size_t alignment) {
  return worker_world::now().upstream.allocate(bytes, alignment);
}
void task_blocks::deallocate(void* block, std::size_t bytes, std::size_t alignment) noexcept {
  worker_world::now().upstream.deallocate(block, bytes, alignment);
}

}  // namespace cistern::schedules

namespace cistern::inline v0::detail {

schedules::task_blocks& task_memory() {
  static schedules::task_blocks blocks;
  return blocks;
}

void refuse_null_task() { throw std::invalid_argument("a null task"); }

}  // namespace cistern::inline v0::detail
