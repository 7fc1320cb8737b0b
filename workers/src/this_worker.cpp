// SPDX-License-Identifier: MIT
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <stdexcept>

namespace cistern::inline v0::this_worker {

cistern::arena& arena() {
  const detail::work_place& here = detail::place();
  if (here.own != nullptr) [[likely]]
    return here.own->memory;
  if (here.guest != nullptr) return detail::guest_arena();
  throw std::logic_error("this_worker::arena() is asked for on a thread that runs no task of a worker_pool");
}

std::optional<std::size_t> index() noexcept {
  const detail::worker* const mine = detail::place().own;
  return mine != nullptr ? std::optional(mine->index) : std::nullopt;
}

worker_pool* pool() noexcept {
  const detail::work_place& here = detail::place();
  if (here.own != nullptr) return here.own->pool.pool();
  return here.guest != nullptr ? here.guest->pool.pool() : nullptr;
}

bool is_of(const worker_pool& pool) noexcept { return detail::runs_for(&pool.core()); }

std::stop_token stop_token() {
  const detail::work_place& here = detail::place();
  if (here.own != nullptr) return here.own->pool.stop_token();
  return here.guest != nullptr ? here.guest->pool.stop_token() : std::stop_token{};
}

}  // namespace cistern::inline v0::this_worker
