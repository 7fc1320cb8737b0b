// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <cstddef>

namespace cistern::inline v0::detail {

/// Where captures that do not fit into a task, the nodes of nested tasks and the states of results come from: one pool
/// for the process, "tasks", that is never destroyed. A block that one thread takes and another puts costs both a few
/// nanoseconds, and what is idle goes back by age.
CISTERN_EXPORT bucket_pool& task_memory();

}  // namespace cistern::inline v0::detail
