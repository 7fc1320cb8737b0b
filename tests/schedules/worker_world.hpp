// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <schedules/arena_upstream.hpp>
#include <schedules/default_domain.hpp>
#include <schedules/retired_things.hpp>
#include <schedules/scheduler.hpp>
#include <schedules/worker_threads.hpp>

#include <array>
#include <cstddef>

namespace cistern::schedules {

/// What the workers' sources have from their process, made anew for each schedule: the copies under test ask this one.
/// Threads are fibres.
class worker_world {
 public:
  static constexpr std::size_t most_threads = 32;

  explicit worker_world(scheduler& with) : s(with), upstream(with, with.choose(2) == 0), domain(without_ticks()) {
    current = this;
    default_domain = &domain;
  }
  ~worker_world() { default_domain = nullptr; }
  worker_world(const worker_world&) = delete;
  worker_world& operator=(const worker_world&) = delete;

  /// Of the schedule that runs.
  static worker_world& now() noexcept { return *current; }

  std::size_t threads_alive() const noexcept;
  std::size_t threads_started() const noexcept { return thread_count_; }

  scheduler& s;
  arena_upstream upstream;
  epoch_domain domain;
  ageing_clock clock;
  std::size_t fails_to_start = 0;       ///< so many of the next starts of a thread fail
  std::size_t first_freezes_after = 0;  ///< so many steps the first thread stands still for good

 private:
  friend struct worker_threads;
  struct thread {
    sync::atomic<std::uint32_t> ended{0};
    bool is_joined = false;
    std::uint32_t id = 0;  // sync::thread_id()
  };
  /// Thread-local storage: of a fibre, by its number.
  struct alignas(16) place {
    std::byte bytes[64] = {};
  };

  static inline worker_world* current = nullptr;
  std::array<thread, most_threads> threads_;
  std::size_t thread_count_ = 0;
  std::array<place, most_threads + 1> places_;  // the first one is the body's
};

}  // namespace cistern::schedules
