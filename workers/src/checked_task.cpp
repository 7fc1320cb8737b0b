// SPDX-License-Identifier: MIT
#include <cistern/workers/detail/checked_task.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/detail/worker.hpp>

namespace cistern::inline v0::detail {

checked_task::checked_task(const submit_options* how, std::optional<sync::clock::time_point> submitted,
                           const erased_filler& filler)
    : submitted_(submitted) {
  if (how != nullptr) {
    stop_ = how->stop;
    start_before_ = how->start_before;
  }
  work_.fill(filler);
}

void checked_task::operator()() {
  if (submitted_) {
    if (worker* const mine = place().own) mine->waited.add(sync::now() - *submitted_);
  }
  if (stop_.stop_requested()) return end_running_task(task_end::cancelled);
  if (start_before_ != sync::clock::time_point::max() && sync::now() > start_before_)
    return end_running_task(task_end::expired);
  work_();
}

}  // namespace cistern::inline v0::detail
