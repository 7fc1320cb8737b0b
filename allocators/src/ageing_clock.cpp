// SPDX-License-Identifier: MIT
//
// Design: an intrusive list under one mutex, so that adding and removing cannot fail. While an ager is told the mutex
// is free, since an ager may run user code, which may make and destroy pools: the one that is told stays in the list,
// and remove() waits for it.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/immortal.hpp>

#include <mutex>
#include <new>

namespace cistern::inline v0 {

ageing_clock::ageing_clock() noexcept
    : at_fork_{.rank = detail::fork_rank::ageing,
               .prepare = [](void* self) noexcept { static_cast<ageing_clock*>(self)->mutex_.lock(); },
               .parent = [](void* self) noexcept { static_cast<ageing_clock*>(self)->mutex_.unlock(); },
               .child = [](void* self) noexcept { static_cast<ageing_clock*>(self)->child_of_fork(); },
               .self = this} {
  detail::install(at_fork_);
}

ageing_clock::~ageing_clock() { detail::remove(at_fork_); }

// Before main: a fork must not find a thread in the middle of the initialisation.
namespace {
struct early_clock {
  early_clock() noexcept { ageing_clock::process(); }
};
[[gnu::init_priority(103), maybe_unused]] const early_clock made_early;
}  // namespace

ageing_clock& ageing_clock::process() noexcept {
  static const detail::immortal<ageing_clock> clock;
  return *clock;
}

void ageing_clock::add(ager& what) noexcept {
  const std::scoped_lock lock(mutex_);
  if (what.next_ != nullptr || what.previous_ != nullptr || first_ == &what)
    detail::fatal("an ager was added to a clock twice");
  what.next_ = first_;
  what.previous_ = nullptr;
  if (first_ != nullptr) first_->previous_ = &what;
  first_ = &what;
}

void ageing_clock::remove(ager& what) noexcept {
  mutex_.lock();
  if (told_ == &what && ticker_ == &sync::words()) detail::fatal("an ager was removed from its clock by its own age()");
  while (told_ == &what) {
    ++waiting_;
    const std::uint32_t seen = tellings_.load(std::memory_order_relaxed);  // under mutex_, as its changes
    mutex_.unlock();
    sync::park(tellings_, seen);
    mutex_.lock();
    --waiting_;
  }
  (what.previous_ != nullptr ? what.previous_->next_ : first_) = what.next_;
  if (what.next_ != nullptr) what.next_->previous_ = what.previous_;
  what.next_ = what.previous_ = nullptr;
  mutex_.unlock();
}

bool ageing_clock::is_ticking() noexcept {
  const std::scoped_lock lock(mutex_);
  return ticker_ == &sync::words();
}

bool ageing_clock::tick(age_level level) noexcept {
  if (is_ticking()) return true;
  const std::scoped_lock one_at_a_time(ticking_);
  ticks_.fetch_add(1, std::memory_order_relaxed);
  return tell_all(level);
}

bool ageing_clock::tell_all(age_level level) noexcept {
  bool idle_left = false;
  mutex_.lock();
  ticker_ = &sync::words();
  for (told_ = first_; told_ != nullptr; told_ = told_->next_) {
    mutex_.unlock();
    idle_left |= told_->age(level);  // told_ is this thread's to write
    mutex_.lock();
    tellings_.fetch_add(1, std::memory_order_relaxed);
    if (waiting_ != 0) sync::unpark_all(tellings_);
  }
  ticker_ = nullptr;
  mutex_.unlock();
  return idle_left;
}

void ageing_clock::child_of_fork() noexcept {
  if (ticker_ != &sync::words()) {
    told_ = nullptr;
    ticker_ = nullptr;
    new (&ticking_) mutex;  // whoever held it is not here
  }
  waiting_ = 0;
  mutex_.unlock();
}

}  // namespace cistern::inline v0
