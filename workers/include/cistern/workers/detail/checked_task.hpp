// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>
#include <cistern/workers/task.hpp>
#include <cistern/workers/worker_pool_options.hpp>

#include <cstddef>
#include <optional>
#include <stop_token>

namespace cistern::inline v0::detail {

/// A task of which more is known than what it calls: until when, and unless what is stopped, it may be started; and
/// when it was submitted, where times are measured. Lies in a block of task_memory(), so it costs one more than a task
/// that can do without.
class checked_task {
 public:
  /// Whether a submission's options say something that is to be looked at when its turn comes.
  static bool is_needed_for(const submit_options* how) noexcept {
    return how != nullptr && (how->start_before != sync::clock::time_point::max() || how->stop.stop_possible());
  }

  /// Passes on what filling throws.
  checked_task(const submit_options* how, std::optional<sync::clock::time_point> submitted,
               const erased_filler& filler);

  void operator()();

 private:
  std::stop_token stop_;
  sync::clock::time_point start_before_ = sync::clock::time_point::max();
  std::optional<sync::clock::time_point> submitted_;
  task work_;
};

/// A task with a capture that leaves room, and when it was submitted, side by side where a capture lies.
class timed_task {
 public:
  /// Passes on what filling throws. The filler leaves_room().
  timed_task(sync::clock::time_point submitted, const erased_filler& filler);
  timed_task(timed_task&& other) noexcept;
  timed_task& operator=(timed_task&&) = delete;
  ~timed_task();

  void operator()();

 private:
  void take(std::byte* from) noexcept;

  const task_operations* operations_ = nullptr;  // null when there is no callable any more
  sync::clock::time_point submitted_;
  alignas(16) std::byte capture_[task_body::capture_bytes - 16];
};
static_assert(fits_in_task<timed_task>);

}  // namespace cistern::inline v0::detail
