// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/worker.hpp>
#include <cistern/workers/worker_pool_options.hpp>

#include <functional>
#include <new>
#include <stop_token>
#include <utility>

namespace cistern::inline v0::detail {

/// A task that may not be run any more when its turn comes.
inline bool is_guarded(const submit_options& how) noexcept {
  return how.start_before != sync::clock::time_point::max() || how.stop.stop_possible();
}

template <class F>
struct guarded_capture {
  template <class... Given>
  explicit guarded_capture(const submit_options& how, Given&&... given)
      : stop(how.stop), start_before(how.start_before), callable(std::forward<Given>(given)...) {}

  void operator()() {
    if (stop.stop_requested()) return end_running_task(task_end::cancelled);
    if (start_before != sync::clock::time_point::max() && sync::now() > start_before)
      return end_running_task(task_end::expired);
    std::invoke(callable);
  }

  std::stop_token stop;
  sync::clock::time_point start_before;
  F callable;
};

/// A task that notes how long it waited.
template <class Capture>
struct timed_capture {
  template <class... Args>
  explicit timed_capture(sync::clock::time_point now, Args&&... args)
      : submitted(now), capture(std::forward<Args>(args)...) {}

  void operator()() {
    if (worker* const mine = place().own) mine->waited.add(sync::now() - submitted);
    std::invoke(capture);
  }

  sync::clock::time_point submitted;
  Capture capture;
};

template <class Last>
const Last& last_of(const Last& last) noexcept {
  return last;
}
template <class First, class... Rest>
requires(sizeof...(Rest) != 0) const auto& last_of(const First&, const Rest&... rest) noexcept {
  return last_of(rest...);
}

template <class Call>
submission no_memory_as_value(Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return submission::no_memory;
  }
}

}  // namespace cistern::inline v0::detail
