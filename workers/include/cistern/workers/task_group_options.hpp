// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/source_site.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <stop_token>

namespace cistern::inline v0 {

/// What a group does with an exception that one of its tasks throws.
enum class group_failures : std::uint8_t {
  cancel_rest,  ///< the first one cancels the tasks that have not begun, and is thrown by wait()
  collect,      ///< the others go on; see task_group::failures()
  to_pool,      ///< the others go on; it goes to the pool's handler, as that of any task
};

/// How a task_group is made. Every field has a default.
struct task_group_options {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  group_failures failures = group_failures::cancel_rest;
  /// No more of its tasks are begun at a time, whatever the number of workers. The others wait in a list, first in
  /// first out, and each costs two locks.
  std::size_t max_concurrency = unlimited;
  /// A request cancels the group.
  std::stop_token stop = {};
  /// It may live longer than the task that makes it. Then it is no part of that task's group: not cancelled with it.
  bool outlives_task = false;
};

/// What became of a group's tasks.
enum class group_status : std::uint8_t {
  complete,   ///< all have returned
  failed,     ///< all have ended, and some threw: see task_group::failures()
  cancelled,  ///< all have ended, but for those that were not called since the group, or one around it, was cancelled
  pending,    ///< some have not ended
};

/// What a task of a group threw.
struct group_failure {
  std::exception_ptr exception;
  source_site site;  ///< where the task was submitted; line 0 when it ran on a thread that is no worker
};

}  // namespace cistern::inline v0
