// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/workers/detail/worker.hpp>

#include <cstddef>
#include <optional>
#include <stop_token>

namespace cistern::inline v0 {

class worker_pool;

/// What a task may know of the worker that runs it. Any thread.
namespace this_worker {

/// Memory for the task that runs: a std::pmr::memory_resource that is rewound when the task has ended, so what lies in
/// it must not be used later, nor by other threads that go on after the task. A task that is run within another one's
/// wait has it for itself from there on. Also for a task that is run by the submitting thread. Throws std::logic_error
/// on a thread that runs no task of a pool. One instruction and a check.
CISTERN_EXPORT arena& arena();

/// Of the worker in its pool, from 0; none for a thread that is no worker.
CISTERN_EXPORT std::optional<std::size_t> index() noexcept;

/// Whose task this thread runs, also where it is not one of its workers; nullptr for a thread that runs none.
CISTERN_EXPORT worker_pool* pool() noexcept;

/// Whether a worker of this pool asks.
CISTERN_EXPORT bool is_of(const worker_pool& pool) noexcept;

/// A stop is requested of it when the pool is stopped and discards what is queued: long tasks look at it now and then.
/// One that never is for a thread that runs no task. Takes a lock.
CISTERN_EXPORT std::stop_token stop_token();

}  // namespace this_worker
}  // namespace cistern::inline v0
