// SPDX-License-Identifier: MIT
#include <cistern/allocators/immortal.hpp>
#include <cistern/workers/task.hpp>

#include <stdexcept>

namespace cistern::inline v0::detail {

bucket_pool& task_memory() {
  static immortal<bucket_pool> pool(pool_options{.name = "tasks"});
  return *pool;
}

void refuse_null_task() {
  throw std::invalid_argument(
      "a task that cannot be called was submitted: a null pointer to a function, an empty std::function, or a task "
      "that is "
      "empty or moved from");
}

}  // namespace cistern::inline v0::detail
