// SPDX-License-Identifier: MIT
#include <cistern/workers/detail/checked_task.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/detail/worker.hpp>

#include <cstring>
#include <utility>

namespace cistern::inline v0::detail {

namespace {

void note_wait(sync::clock::time_point submitted) noexcept {
  if (worker* const mine = place().own) mine->waited.add(sync::now() - submitted);
}

}  // namespace

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
  if (submitted_) note_wait(*submitted_);
  if (stop_.stop_requested()) return end_running_task(task_end::cancelled);
  if (start_before_ != sync::clock::time_point::max() && sync::now() > start_before_)
    return end_running_task(task_end::expired);
  work_();
}

timed_task::timed_task(sync::clock::time_point submitted, const erased_filler& filler) : submitted_(submitted) {
  alignas(16) struct {
    std::byte operations[sizeof(void*)];  // so that the capture is aligned as in a task
    task_body body;
  } made;
  operations_ = filler.fill(made.body);
  take(made.body.capture);
}

timed_task::timed_task(timed_task&& other) noexcept
    : operations_(std::exchange(other.operations_, nullptr)), submitted_(other.submitted_) {
  take(other.capture_);
}

timed_task::~timed_task() {
  if (operations_ != nullptr) operations_->drop(capture_);
}

void timed_task::operator()() {
  note_wait(submitted_);
  std::exchange(operations_, nullptr)->run(capture_);
}

void timed_task::take(std::byte* from) noexcept {
  if (operations_->move == nullptr)
    std::memcpy(capture_, from, sizeof capture_);
  else
    operations_->move(capture_, from);
}

}  // namespace cistern::inline v0::detail
