// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstddef>

namespace cistern::inline v0::detail {

struct worker;
class crew;
class group_core;
struct guest_run;

/// What the calling thread is to worker pools; 40 bytes of thread-local storage, trivially destructible.
struct work_place {
  worker* own = nullptr;        // the worker whose task it runs
  group_core* group = nullptr;  // that the task belongs to which it runs
  guest_run* guest = nullptr;   // the task that it runs, if it is not one of its pool's workers
  std::size_t groups = 0;       // that this task has made within its own, and not destroyed
  worker* thread = nullptr;     // the worker that it is, also while it runs a task as the guest of another pool
};

/// One instruction.
inline work_place& place() noexcept {
  [[gnu::tls_model("initial-exec")]] CISTERN_EXPORT extern constinit thread_local work_place own_place;
  return own_place;
}

}  // namespace cistern::inline v0::detail
