// SPDX-License-Identifier: MIT
#include "epoch_state.hpp"
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_hold.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <cstdio>
#include <stdexcept>

namespace cistern::inline v0 {
namespace {

// Once it exists. Relaxed: it is only compared, by a thread that was given the domain.
constinit sync::atomic<epoch_domain*> the_default{nullptr};

// On a thread that ends, with the registry locked.
void end_of_thread(void* self, void* value) noexcept {
  auto& slot = *static_cast<epoch_slot*>(value);
  thread_words& words = sync::words();
  if (words.default_epoch_slot == &slot) words.default_epoch_slot = nullptr;
  static_cast<detail::epoch_state*>(self)->release_slot(slot);
}

}  // namespace

epoch_domain::epoch_domain(const epoch_options& options) : id_(), state_(new detail::epoch_state(options)) {
  try {
    id_ = thread_registry::enter(state_, end_of_thread, thread_registry::exit_order::used);
  } catch (...) {
    state_->close();
    delete state_;
    throw;
  }
}

epoch_domain::~epoch_domain() {
  refuse_to_wait_for_itself("an epoch_domain is destroyed within a region or a deleter of its own");
  state_->close();
  const auto deadline = detail::epoch_state::deadline_after(state_->options().close_limit);
  const bool drained = state_->drain(deadline);
  thread_registry::leave(id_);
  const char* const why = state_->what_is_left(drained);
  if (why == nullptr) {
    delete state_;
    return;
  }
  std::fprintf(stderr, "cistern: an epoch_domain is destroyed while %s; what was retired is left allocated\n", why);
}

// Before main: a fork must not find a thread in the middle of the initialisation.
namespace {
struct early_domain {
  early_domain() noexcept { epoch_domain::default_domain(); }
};
[[gnu::init_priority(104), maybe_unused]] const early_domain made_early;
}  // namespace

epoch_domain& epoch_domain::default_domain() noexcept {
  static epoch_domain& domain = []() -> epoch_domain& {
    static const detail::immortal<epoch_domain> made;
    the_default.store(&*made, std::memory_order_relaxed);
    return *made;
  }();
  return domain;
}

epoch_slot& epoch_domain::slot_slow() {
  const bool ended = sync::words().state >= thread_words::life::dying;
  epoch_slot* const slot = ended ? state_->late_slot() : state_->acquire_slot(false);
  if (slot == nullptr) throw std::bad_alloc();
  if (ended) return *slot;
  if (!thread_registry::attach(id_, slot)) {
    state_->release_slot(*slot);
    throw std::bad_alloc();
  }
  if (this == the_default.load(std::memory_order_relaxed)) sync::words().default_epoch_slot = slot;
  return *slot;
}

// Not the owner of a usual slot: its late owner, or a guard's thread is not the one that made it.
void epoch_domain::unpin_late(epoch_slot& slot) noexcept {
  if (slot.owner_ != epoch_slot::late_owner(&sync::words()))
    detail::fatal("an epoch_guard was moved to another thread");
  slot.unpin();
  release_late(slot);
}

void epoch_domain::release_late(epoch_slot& slot) noexcept {
  if (!slot.pinned()) slot.domain_->release_slot(slot);
}

void epoch_domain::retire(void* object, retired_deleter deleter, void* context, std::size_t bytes) {
  if (deleter == nullptr) detail::fatal("epoch_domain::retire() was given no deleter");
  epoch_slot& own = slot();
  const late_end end(own);
  detail::open_bag& open = *own.open_;
  while (!own.try_retire(open, bytes, object, reinterpret_cast<void*>(deleter), context)) {
    if (state_->make_room(own, open)) continue;
    void* entry[] = {object, reinterpret_cast<void*>(deleter), context};
    state_->reclaim_now(own, open, entry, detail::epoch_state::entry_words);
    break;
  }
}

bool epoch_domain::advance() noexcept { return state_->advance(); }

void epoch_domain::flush() noexcept {
  if (auto* const own = static_cast<epoch_slot*>(thread_registry::find(id_))) state_->flush(*own);
}

void epoch_domain::quiesce() noexcept {
  if (auto* const own = static_cast<epoch_slot*>(thread_registry::find(id_))) state_->hand_over(*own);
}

void epoch_domain::refuse_to_wait_for_itself(const char* what) const noexcept {
  if (sync::words().reclaiming == state_) detail::fatal(what);
  if (const auto* const own = static_cast<epoch_slot*>(thread_registry::find(id_)); own != nullptr && own->pinned())
    detail::fatal(what);
}

void epoch_domain::synchronize() noexcept { synchronize(std::chrono::nanoseconds::max()); }

bool epoch_domain::synchronize(std::chrono::nanoseconds limit) noexcept {
  refuse_to_wait_for_itself("epoch_domain::synchronize() within a region or a deleter would wait for itself");
  return state_->wait_for_readers(detail::epoch_state::deadline_after(limit));
}

void epoch_domain::barrier() noexcept { barrier(std::chrono::nanoseconds::max()); }

bool epoch_domain::barrier(std::chrono::nanoseconds limit) noexcept {
  refuse_to_wait_for_itself("epoch_domain::barrier() within a region or a deleter would wait for itself");
  return state_->barrier(detail::epoch_state::deadline_after(limit));
}

bool epoch_domain::collect() noexcept { return state_->collect(); }

epoch_statistics epoch_domain::statistics() const { return state_->statistics(); }

retire_list::retire_list(epoch_domain& domain, std::size_t bytes_each, reclaim_function reclaim, void* context)
    : domain_(domain), bytes_each_(bytes_each), reclaim_(reclaim), context_(context) {
  if (reclaim == nullptr) throw std::invalid_argument("a retire_list needs a function that frees its objects");
  // Threads that end hand their bags over with their slot.
  id_ = thread_registry::enter(this, [](void*, void*) noexcept {});
}

retire_list::~retire_list() {
  domain_.refuse_to_wait_for_itself("a retire_list is destroyed within a region or a deleter");
  domain_.state_->close_all(*this);
  thread_registry::leave(id_);
}

void retire_list::retire_slow(void* object) {
  epoch_slot& own = domain_.slot();
  const epoch_domain::late_end end(own);
  auto* open = static_cast<detail::open_bag*>(thread_registry::find(id_));
  if (open == nullptr) {
    open = domain_.state_->open(own, *this);
    // On a thread that has ended the bag goes with the late slot, below.
    if (open == nullptr || (!thread_registry::attach(id_, open) && !own.late_)) throw std::bad_alloc();
  }
  while (!own.try_retire(*open, bytes_each_, object)) {
    if (domain_.state_->make_room(own, *open)) continue;
    domain_.state_->reclaim_now(own, *open, &object, 1);
    break;
  }
}

detail::hold_word& detail::take_hold(epoch_domain& domain) {
  detail::hold_word* const hold = domain.state_->take_hold();
  if (hold == nullptr) throw std::bad_alloc();
  return *hold;
}

void detail::give_hold(epoch_state& domain, detail::hold_word& hold) noexcept { domain.give_hold(hold); }

}  // namespace cistern::inline v0
