// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory_resource>

#include <pthread.h>

namespace cistern::schedules {

/// Threads, thread-local storage and memory as the workers' copies have them: the world's.
struct worker_threads {
  static int make(pthread_t* made, void* (*run)(void*), void* argument) noexcept;
  static int join(pthread_t ended) noexcept;
  static int try_join(pthread_t ended) noexcept;  ///< 0 when it has ended
  static void detach(pthread_t left) noexcept;
  static pthread_t self() noexcept;
  static void* own_place() noexcept;
};

/// In the place of the process's pool of tasks, with as much of its interface as is used: no scheduling points.
struct task_blocks {
  void* allocate(std::size_t bytes, std::size_t alignment);
  void* try_allocate(std::size_t bytes, std::size_t alignment) noexcept { return allocate(bytes, alignment); }
  void deallocate(void* block, std::size_t bytes, std::size_t alignment) noexcept;
};

}  // namespace cistern::schedules
