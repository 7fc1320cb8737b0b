// SPDX-License-Identifier: MIT
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/result.hpp>

namespace cistern::inline v0 {

task_cancelled::task_cancelled() : std::runtime_error("the task was cancelled, or discarded, before it began") {}

namespace detail {

bool runs_for(const crew* pool) noexcept {
  const worker* const mine = place().thread;
  return mine != nullptr && &mine->pool == pool;
}

void no_result() { throw std::logic_error("a result<T> without a task is used: a default one, or one after get()"); }

}  // namespace detail
}  // namespace cistern::inline v0
