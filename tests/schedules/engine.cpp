// SPDX-License-Identifier: MIT
//
// Design: fibres hand over to each other directly; the body, which has a fibre too, runs only while none of them does.
// At each scheduling point the running fibre picks who goes on, itself included, and switches if it is another one.
// Fibres are kept for the next schedule: they wait at the end of their loop for new work. Those of a failed schedule
// stand in the middle of something and cannot be unwound (the code under test is noexcept there, and locks are held),
// so they are put aside for ever, the body with its objects among them. The locks that they hold in static storage
// would stop every later schedule: atomics there get back the values that they had.
//
// Invariants: I1 current_ is the spawned fibre that runs, or null while the body does; I2 every choice comes from
// random, whose only input is the seed; I3 addresses and the real clock never enter a choice.
#include <schedules/engine.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

namespace cistern::schedules {
namespace {

// Reachable for ever, so that the leak checker finds what abandoned stacks refer to.
fibre_list& idle_fibres() {
  static auto& list = *new fibre_list;
  return list;
}
fibre_list& abandoned_fibres() {
  static auto& list = *new fibre_list;
  return list;
}

std::unique_ptr<scheduled_fibre> take_idle(std::function<void()> work) {
  fibre_list& idle = idle_fibres();
  if (idle.empty()) idle.push_back(std::make_unique<scheduled_fibre>());
  std::unique_ptr<scheduled_fibre> taken = std::move(idle.back());
  idle.pop_back();
  taken->work = std::move(work);
  taken->state = fibre_state::ready;
  taken->words = {};
  taken->is_frozen = false;
  return taken;
}

void put_away(std::unique_ptr<scheduled_fibre> used) {
  if (used->stack.overflown()) {
    std::fputs("schedules: a fibre's stack overflowed\n", stderr);
    std::abort();
  }
  // What an abandoned fibre captured stays with it: its frames refer to that.
  const bool done = used->state == fibre_state::done;
  if (done) used->work = nullptr;
  (done ? idle_fibres() : abandoned_fibres()).push_back(std::move(used));
}

[[noreturn]] void fibre_loop(void* argument) {
  auto& self = *static_cast<scheduled_fibre*>(argument);
  for (;;) {
    std::optional<std::string> thrown;
    try {
      self.work();
      if (self.at_exit != nullptr) std::exchange(self.at_exit, nullptr)();
    } catch (const std::exception& exception) {
      thrown = exception.what();
    } catch (...) {
      thrown = "something that is not a std::exception";
    }
    engine& here = *engine::active;
    if (thrown)
      here.fail((here.is_body(self) ? "the body" : "fibre " + std::to_string(self.number)) + " threw: " + *thrown);
    here.finished(self);
  }
}

}  // namespace

scheduled_fibre::scheduled_fibre() : stack(&fibre_loop, this) {}

engine::engine(std::uint64_t seed, const exploration_options& options, bool traced)
    : random(seed),
      max_steps_(options.max_steps),
      by_priority_(options.strategy == schedule_strategy::priorities ||
                   (options.strategy == schedule_strategy::both && (seed & 1) != 0)) {
  trace.on = traced;
  // The length of a schedule is not known before, so 16 to 256 steps are tried in turn.
  const std::uint64_t length = std::uint64_t{16} << random.below(5);
  for (std::size_t& point : change_points_) point = 1 + static_cast<std::size_t>(random.below(length));
}

void engine::run_body(std::function<void()> body) {
  body_ = take_idle(std::move(body));
  fibre::switch_between(explorer_, body_->stack);
  current_ = nullptr;
  put_away(std::move(body_));
  for (auto& left : fibres_) put_away(std::move(left));
}

void engine::spawn(std::function<void()> work, std::size_t freezes_after) {
  fibres_.push_back(take_idle(std::move(work)));
  fibres_.back()->number = fibres_.size() - 1;
  fibres_.back()->freezes_after = freezes_after;
  fibres_.back()->priority = (std::int64_t{1} << 40) + static_cast<std::int64_t>(random.below(1 << 30));
}

void engine::run() {
  if (fibres_.empty()) return;
  current_ = pick();
  fibre::switch_between(body_->stack, current_->stack);
  for (auto& done : fibres_) put_away(std::move(done));
  fibres_.clear();
}

void engine::fail(const std::string& what) {
  failure = what;
  leave_for(explorer_);
  std::abort();  // an abandoned fibre is never resumed
}

void engine::leave_for(fibre& to) {
  scheduled_fibre* const left = std::exchange(current_, nullptr);
  fibre::switch_between(left != nullptr ? left->stack : body_->stack, to);
}

void engine::go_on_with(scheduled_fibre* next) {
  if (next == current_) return;
  scheduled_fibre* const left = std::exchange(current_, next);
  fibre::switch_between(left->stack, next->stack);
}

void engine::step(const char* operation, const void* object) {
  if (++steps > max_steps_)
    fail("not at its end after " + std::to_string(max_steps_) + " steps: a livelock, or raise max_steps");
  // Either point may come first: then the fibre that was stopped first goes on before the other, or after it.
  if (by_priority_ && steps == change_points_[0]) current_->priority = 1;
  if (by_priority_ && steps == change_points_[1]) current_->priority = 2;
  if (current_->freezes_after != 0 && --current_->freezes_after == 0) current_->is_frozen = true;
  go_on_with(pick());
  if (trace.on) trace.operation(current_->number, operation, object);
}

void engine::pause() {
  current_->priority = --lowest_;
  time += std::chrono::microseconds(1);
  step("pause", nullptr);
}

scheduled_fibre* engine::pick() {
  std::size_t ready = 0, timed = 0;
  scheduled_fibre* highest = nullptr;
  for (const auto& candidate : fibres_) {
    timed += candidate->timed() ? 1 : 0;
    if (!candidate->can_go_on()) continue;
    ++ready;
    if (highest == nullptr || candidate->priority > highest->priority) highest = candidate.get();
  }
  // A deadline may pass while others are slow to go on.
  if (timed != 0 && (ready == 0 || random.below(8) == 0)) return pick_timeout();
  if (ready == 0) return thaw();
  if (by_priority_ || ready == 1) return highest;
  std::uint64_t skip = random.below(ready);
  for (const auto& candidate : fibres_)
    if (candidate->can_go_on() && skip-- == 0) return candidate.get();
  return nullptr;
}

scheduled_fibre* engine::thaw() noexcept {
  for (const auto& candidate : fibres_) {
    if (candidate->state != fibre_state::ready) continue;
    candidate->is_frozen = false;
    return candidate.get();
  }
  return nullptr;
}

scheduled_fibre* engine::pick_timeout() {
  scheduled_fibre* earliest = nullptr;
  for (const auto& candidate : fibres_)
    if (candidate->timed() && (earliest == nullptr || candidate->deadline < earliest->deadline))
      earliest = candidate.get();
  time = std::max(time, earliest->deadline);
  earliest->state = fibre_state::ready;
  earliest->ended = detail::park_end::deadline;
  return earliest;
}

detail::park_end engine::park(const void* word, std::chrono::nanoseconds deadline) {
  scheduled_fibre& self = *current_;
  self.state = fibre_state::parked;
  self.word = word;
  self.deadline = deadline;
  scheduled_fibre* const next = pick();
  if (next == nullptr) fail("deadlock: " + who_is_parked());
  go_on_with(next);
  if (trace.on) trace.operation(self.number, self.ended == detail::park_end::woken ? "woken at" : "deadline at", word);
  return self.ended;
}

void engine::unpark(const void* word, bool all) {
  std::vector<scheduled_fibre*> parked;
  for (const auto& candidate : fibres_)
    if (candidate->state == fibre_state::parked && candidate->word == word) parked.push_back(candidate.get());
  if (parked.empty()) return;
  if (!all) parked = {parked[random.below(parked.size())]};
  for (scheduled_fibre* const woken : parked) {
    woken->state = fibre_state::ready;
    woken->ended = detail::park_end::woken;
  }
}

void engine::sleep_until(std::chrono::nanoseconds deadline) {
  step("sleep", nullptr);
  while (time < deadline) park(nullptr, deadline);
}

void engine::changing(void* object, std::size_t size) {
  for (const saved_static& known : statics_)
    if (known.object == object) return;
  statics_.push_back({.object = object, .value = {}, .size = size});
  std::memcpy(statics_.back().value.data(), object, size);
}

void engine::restore_statics() noexcept {
  for (const saved_static& saved : statics_) std::memcpy(saved.object, saved.value.data(), saved.size);
}

void engine::finished(scheduled_fibre& self) {
  if (is_body(self) && !fibres_.empty()) fail("the body spawned fibres and did not call run()");
  self.state = fibre_state::done;
  if (is_body(self)) return leave_for(explorer_);
  if (std::ranges::all_of(fibres_, [](const auto& one) { return one->state == fibre_state::done; }))
    return leave_for(body_->stack);
  scheduled_fibre* const next = pick();
  if (next != nullptr) return go_on_with(next);
  failure = "deadlock: " + who_is_parked();
  leave_for(explorer_);
}

std::string engine::who_is_parked() {
  std::string text;
  for (const auto& one : fibres_) {
    text += text.empty() ? "fibre " : ", fibre ";
    text += std::to_string(one->number);
    text += one->state == fibre_state::parked ? " is parked on " + trace.name_of(one->word) : " is done";
  }
  return text;
}

}  // namespace cistern::schedules
