// SPDX-License-Identifier: MIT
#include <cistern/workers/concurrency.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool_set.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <stdexcept>

namespace cistern::inline v0 {

worker_pool_set::worker_pool_set(const worker_pool_set_options& options)
    : name_(options.name), choice_(options.choice) {
  if (options.pools == 0 || options.pools > worker_pool_options::most_workers)
    throw std::invalid_argument("worker_pool_set_options: pools is " + std::to_string(options.pools) +
                                ", and must be above zero, and " + std::to_string(worker_pool_options::most_workers) +
                                " at most");
  worker_pool_options each = options.each;
  each.name = {};
  if (each.max_workers == 0) {
    const std::size_t share = static_cast<std::size_t>(available_concurrency()) / options.pools;
    each.max_workers = std::max({share, each.min_workers, each.spawn, std::size_t{1}});
  }
  for (std::size_t i = 0; i < options.pools; ++i) add(each);
}

worker_pool_set::worker_pool_set(std::span<const worker_pool_options> pools, pool_choice choice, std::string_view name)
    : name_(name), choice_(choice) {
  if (pools.empty()) throw std::invalid_argument("worker_pool_set: there must be one pool at least");
  for (const worker_pool_options& each : pools) add(each);
}

void worker_pool_set::add(worker_pool_options options) {
  const std::string numbered = (name_.empty() ? "worker" : name_) + "." + std::to_string(pools_.size());
  if (options.name.empty()) options.name = numbered;
  pools_.push_back(std::make_unique<worker_pool>(options));
}

worker_pool_set::~worker_pool_set() {
  if (std::ranges::none_of(pools_, [](const auto& pool) { return this_worker::is_of(*pool); })) request_stop();
}

worker_pool& worker_pool_set::next() noexcept {
  if (detail::place().thread != nullptr) {
    for (const auto& pool : pools_) {
      if (this_worker::is_of(*pool)) return *pool;
    }
  }
  const std::size_t first = turn_.fetch_add(1, std::memory_order_relaxed) % pools_.size();
  worker_pool* chosen = nullptr;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    const std::size_t at = first + i;
    worker_pool& pool = *pools_[at < pools_.size() ? at : at - pools_.size()];
    if (!pool.core().has_room()) continue;
    if (choice_ == pool_choice::round_robin) return pool;
    const std::size_t load = pool.core().load();
    if (load < least) {
      least = load;
      chosen = &pool;
    }
  }
  return chosen != nullptr ? *chosen : *pools_[first];
}

void worker_pool_set::pause() noexcept {
  for (const auto& pool : pools_) pool->pause();
}

void worker_pool_set::resume() noexcept {
  for (const auto& pool : pools_) pool->resume();
}

bool worker_pool_set::wait_idle(sync::clock::time_point deadline) {
  refuse_own_workers();
  // One may have given tasks to another that had been idle before.
  for (bool all_were = false; !all_were;) {
    for (const auto& pool : pools_) {
      if (!pool->wait_idle(deadline)) return false;
    }
    all_were = std::ranges::all_of(pools_, [](const auto& pool) { return pool->wait_idle(sync::now()); });
  }
  return true;
}

void worker_pool_set::resize(std::size_t min_workers, std::size_t max_workers) {
  for (const auto& pool : pools_) pool->resize(min_workers, max_workers);
}

void worker_pool_set::request_stop(bool discard) noexcept {
  for (const auto& pool : pools_) pool->request_stop(discard);
}

void worker_pool_set::restart() {
  for (const auto& pool : pools_) pool->restart();
}

bool worker_pool_set::is_stopped() const noexcept {
  return std::ranges::all_of(pools_, [](const auto& pool) { return pool->is_stopped(); });
}

void worker_pool_set::refuse_own_workers() const {
  if (std::ranges::any_of(pools_, [](const auto& pool) { return this_worker::is_of(*pool); }))
    throw std::logic_error("a task of the worker_pool_set " + name_ + " waits for the set, and would wait for itself");
}

stop_report worker_pool_set::stop(bool discard, sync::clock::time_point deadline) {
  refuse_own_workers();
  const auto discarded = [this] {
    std::uint64_t sum = 0;
    for (const auto& pool : pools_) sum += pool->statistics().discarded;
    return sum;
  };
  const std::uint64_t discarded_before = discarded();
  request_stop(discard);  // so that none waits for the others to begin
  stop_report all{.ended = true, .discarded = 0, .running = {}};
  for (const auto& pool : pools_) {
    stop_report one = discard ? pool->stop_and_discard(deadline) : pool->stop(deadline);
    all.ended = all.ended && one.ended;
    all.queued += one.queued;
    all.running.insert(all.running.end(), std::make_move_iterator(one.running.begin()),
                       std::make_move_iterator(one.running.end()));
  }
  all.discarded = static_cast<std::size_t>(discarded() - discarded_before);
  return all;
}

worker_pool_statistics worker_pool_set::statistics() const {
  worker_pool_statistics sum{};
  sum.name = name_;
  sum.paused = sum.stopped = true;
  for (const auto& pool : pools_) {
    worker_pool_statistics one = pool->statistics();
    const auto add = [&](auto... numbers) { ((sum.*numbers += one.*numbers), ...); };
    using all = worker_pool_statistics;
    add(&all::workers, &all::running, &all::idle, &all::min_workers, &all::max_workers, &all::queued, &all::nested,
        &all::waiting, &all::most_workers, &all::queue_high_water, &all::queue_bytes);
    add(&all::submitted, &all::started, &all::completed, &all::failed, &all::cancelled, &all::expired, &all::dropped,
        &all::discarded, &all::rejected, &all::timed_out, &all::ran_here, &all::steals, &all::parks, &all::wakes,
        &all::failed_starts, &all::waited, &all::ran);
    sum.paused = sum.paused && one.paused;
    sum.stopped = sum.stopped && one.stopped;
    sum.failures.insert(sum.failures.end(), std::make_move_iterator(one.failures.begin()),
                        std::make_move_iterator(one.failures.end()));
  }
  return sum;
}

}  // namespace cistern::inline v0
