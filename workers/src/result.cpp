// SPDX-License-Identifier: MIT
#include <cistern/allocators/deadline.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/detail/group_core.hpp>
#include <cistern/workers/result.hpp>

#include <algorithm>
#include <chrono>

namespace cistern::inline v0 {

task_cancelled::task_cancelled() : std::runtime_error("the task was cancelled, or discarded, before it began") {}

namespace detail {

bool runs_for(const crew* pool) noexcept {
  const worker* const mine = place().thread;
  return mine != nullptr && &mine->pool == pool;
}

bool runs_task_of(const group_core* group) noexcept {
  const group_core* around = place().group;
  while (around != nullptr && around != group) around = around->parent();
  return around != nullptr;
}

void help_group_until_over(group_core& limited, result_core& result, sync::clock::time_point deadline,
                           std::chrono::nanoseconds spin) noexcept {
  // While the task has not begun it counts in the group, which is there. From then on this thread counts in it, too.
  if (!result.borrow_queued()) return;
  limited.begin_one();
  result.give_back();
  while (!result_core::is_over(result.now())) {
    if (deadline != sync::clock::time_point::max() && sync::now() >= deadline) break;
    if (limited.help_once(*place().thread)) continue;
    // Others run what is before it. Nobody says when a task comes that may be run here: so look again soon.
    result.wait(std::min(deadline, deadline_after(std::chrono::milliseconds(1))), spin);
  }
  limited.end_token();
}

void refuse_foreign_result() {
  throw std::logic_error("a result<T> from before a fork is waited for in the child: its task is the parent's");
}

void no_result() {
  throw std::logic_error(
      "a result<T> without a task is used: a default one, one after get(), or one that is moved from");
}

}  // namespace detail
}  // namespace cistern::inline v0
