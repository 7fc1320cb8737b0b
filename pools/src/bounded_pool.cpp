// SPDX-License-Identifier: MIT
//
// Design: the beginning and the end of a bounded_pool, its ticks, forks, and what is told of misuse.
//
// Invariants: I1 at most limit_ items are in stripes, for their capacities are limit_ together; I2 total_ counts each
// item, from before its memory is taken until after it is given back, and changes with mutex_ only; I3 with a bound of
// the total, total_ - extras_ <= limit_; I4 the state is freed by whoever finds, with mutex_, that the pool has ended
// and total_ is 0: so an item that is out keeps the state, and what a put touches after it has let go of its item is
// only the lock of a stripe or mutex_, for which the end waits.
#include "bounded_state.hpp"
#include <cistern/allocators/fatal.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/object_pool.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

namespace cistern::inline v0::detail {
namespace {

constexpr std::size_t line = 64;  // of the cache

constexpr std::size_t rounded_up(std::size_t bytes, std::size_t to) noexcept { return (bytes + to - 1) & ~(to - 1); }

[[noreturn]] void bad_option(const std::string& what) { throw std::invalid_argument("cistern::bounded_pool: " + what); }

std::size_t hardware_threads() noexcept {
  static const std::size_t count = std::max(1U, std::thread::hardware_concurrency());
  return count;
}

// `pool "name" of type, 0x7f...: what`, and the end.
[[noreturn]] void end_program(const bounded_state* pool, const bounded_item& item, const char* what) noexcept {
  char text[400];
  if (pool != nullptr)
    std::snprintf(text, sizeof text, "pool \"%s\" of %.*s, %p: %s", pool->name().data(),
                  static_cast<int>(std::min<std::size_t>(pool->type().name.size(), 128)), pool->type().name.data(),
                  static_cast<const void*>(reinterpret_cast<const char*>(&item) + pool->type().object_at), what);
  else
    std::snprintf(text, sizeof text, "bounded_pool, %p: %s", static_cast<const void*>(&item), what);
  fatal(text);
}

}  // namespace

// ---- beginning and end

bounded_state::layout bounded_state::layout_of(std::size_t limit) noexcept {
  constexpr std::size_t least = 4;  // places in a stripe: a thread often has more than one item
  const std::size_t most = std::min(std::bit_ceil(2 * hardware_threads()), std::bit_floor(limit));
  layout shape{};
  shape.stripes = std::min(most, std::bit_floor(std::max<std::size_t>(1, limit / least)));
  shape.slots_at = rounded_up(sizeof(bounded_state), line) + shape.stripes * sizeof(bounded_stripe);
  const std::size_t places = rounded_up((limit + shape.stripes - 1) / shape.stripes * sizeof(void*), line);
  shape.bytes = shape.slots_at + shape.stripes * places;
  return shape;
}

bounded_state& bounded_state::make(std::size_t limit, const bounded_pool_options& options, const object_type& type,
                                   void* hooks) {
  if (limit == 0) bad_option("the limit is 0; a pool that may have nothing serves nothing");
  if (limit > std::numeric_limits<std::uint32_t>::max()) bad_option("the limit is above 4,294,967,295");
  if (options.min_kept > limit)
    bad_option("min_kept (" + std::to_string(options.min_kept) + ") is above the limit (" + std::to_string(limit) +
               ")");
  if (options.max_wait < std::chrono::nanoseconds::zero()) bad_option("max_wait is negative");
  if (options.max_put_wait < std::chrono::nanoseconds::zero()) bad_option("max_put_wait is negative");
  if (options.by != bound::kept && options.by != bound::total && options.by != bound::total_or_extra)
    bad_option("`by` is no bound");
  if (options.name.size() >= sizeof(name_))
    bad_option("the name \"" + std::string(options.name) + "\" is longer than 31 characters");
  if (std::ranges::any_of(options.name,
                          [](char each) { return static_cast<unsigned char>(each) < ' ' || each == 127; }))
    bad_option("the name has a control character");
  if (options.by == bound::kept && options.max_wait != std::chrono::nanoseconds::zero())
    bad_option("max_wait is for a bound of the total; with bound::kept a get never waits");
  if (options.by != bound::kept && options.max_put_wait != std::chrono::nanoseconds::zero())
    bad_option("max_put_wait is for bound::kept; with a bound of the total a put always finds room");
  thread_seat::prepare();
  bounded_pool_options own = options;
  if (own.upstream == nullptr) own.upstream = &bucket_pool::process();
  const layout shape = layout_of(limit);
  void* const memory = own.upstream->allocate(shape.bytes, line);
  auto* const made = ::new (memory) bounded_state(limit, shape, own, type, hooks);
  install(made->at_fork_);
  if (own.clock != nullptr) own.clock->add(*made);
  return *made;
}

bounded_state::bounded_state(std::size_t limit, const layout& shape, const bounded_pool_options& options,
                             const object_type& type, void* hooks) noexcept
    : options_(options),
      type_(type),
      bytes_(shape.bytes),
      item_bytes_(rounded_up(type.cell_bytes, line)),
      item_alignment_(std::max(type.alignment, line)),
      at_fork_{.rank = fork_rank::pool,
               .prepare = [](void* self) noexcept { static_cast<bounded_state*>(self)->before_fork(); },
               .parent = [](void* self) noexcept { static_cast<bounded_state*>(self)->after_fork(); },
               .child = [](void* self) noexcept { static_cast<bounded_state*>(self)->child_of_fork(); },
               .self = this} {
  limit_ = limit;
  mask_ = shape.stripes - 1;
  object_at_ = type.object_at;
  object_bytes_ = type.cell_bytes - type.object_at;
  hooks_ = hooks;
  options.name.copy(name_, sizeof name_ - 1);
  options_.name = {};  // the caller's may go
  char* const begin = reinterpret_cast<char*>(this);
  char* const first_stripe = begin + rounded_up(sizeof(bounded_state), line);
  const std::size_t room = (shape.bytes - shape.slots_at) / shape.stripes;
  for (std::size_t i = 0; i < shape.stripes; ++i) {
    auto** const slots = reinterpret_cast<bounded_item**>(begin + shape.slots_at + i * room);
    const std::size_t capacity = limit / shape.stripes + (i < limit % shape.stripes ? 1 : 0);
    std::uninitialized_fill_n(slots, capacity, nullptr);
    ::new (first_stripe + i * sizeof(bounded_stripe)) bounded_stripe(slots, static_cast<std::uint32_t>(capacity));
  }
  stripes_ = std::launder(reinterpret_cast<bounded_stripe*>(first_stripe));
}

// Nobody else knows of it any more, but for a thread that is about to fork.
void bounded_state::free_self() noexcept {
  remove(at_fork_);
  std::pmr::memory_resource* const upstream = options_.upstream;
  const std::size_t bytes = bytes_;
  void (*const free_hooks)(void*) noexcept = type_.free_hooks;
  void* const hooks = hooks_;
  std::destroy_n(stripes_, mask_ + 1);
  this->~bounded_state();
  upstream->deallocate(this, bytes, line);
  free_hooks(hooks);
}

void bounded_state::end() noexcept {
  if (options_.clock != nullptr) options_.clock->remove(*this);
  close();
  char text[400];
  bool reports = false;
  const blocks_out at_end = options_.at_end;
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    const std::size_t out = total_.load(std::memory_order_relaxed);
    reports = out != 0;
    if (reports)
      std::snprintf(text, sizeof text, "pool \"%s\" of %.*s ended with %zu objects out", name_,
                    static_cast<int>(std::min<std::size_t>(type_.name.size(), 128)), type_.name.data(), out);
  }
  if (!reports) return free_self();
  if (at_end == blocks_out::abort) fatal(text);
  warn(text);
}

void bounded_state::close() noexcept {
  bounded_wakes wakes;
  bounded_item* idle = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    set_gated(true);
    idle = take_idle(age_level::pressure);
    while (gets_.serve(bounded_waiter::with::closed, nullptr, wakes)) {
    }
    while (puts_.serve(bounded_waiter::with::closed, nullptr, wakes)) {
    }
  }
  destroy_idle(idle);
}

void bounded_state::clear() noexcept {
  bounded_wakes wakes;
  bounded_item* idle = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    idle = take_idle(age_level::pressure);
    admit_puts(thread_seat::sure(), wakes);
  }
  destroy_idle(idle);
}

// ---- ticks and forks

bool bounded_state::age(age_level level) noexcept {
  counters::add(counts.ticks);
  bounded_wakes wakes;
  bounded_item* idle = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    idle = take_idle(level);
    admit_puts(thread_seat::sure(), wakes);
  }
  destroy_idle(idle);
  return total_.load(std::memory_order_relaxed) != 0;  // what is out becomes idle unheard
}

void bounded_state::before_fork() noexcept {
  mutex_.lock();
  visit_all();
}

void bounded_state::after_fork() noexcept {
  end_visit_of_all();
  mutex_.unlock();
}

// Those who waited are not here; what a put had in hand is out for good.
void bounded_state::child_of_fork() noexcept {
  gets_.forget_all();
  puts_.forget_all();
  gated_ = closed_;
  for (bounded_stripe& each : stripes()) {
    each.set_gated(closed_);
    each.forget_borrowed();
  }
  after_fork();
}

// ---- the face

bounded_store& bounded_store::make(std::size_t limit, const bounded_pool_options& options, const object_type& type,
                                   void* hooks) {
  return bounded_state::make(limit, options, type, hooks);
}

namespace {

bounded_state& of(bounded_store& store) noexcept { return static_cast<bounded_state&>(store); }
const bounded_state& of(const bounded_store& store) noexcept { return static_cast<const bounded_state&>(store); }

}  // namespace

void bounded_store::end() noexcept { of(*this).bounded_state::end(); }
void bounded_store::clear() noexcept { of(*this).bounded_state::clear(); }
void bounded_store::close() noexcept { of(*this).bounded_state::close(); }
std::size_t bounded_store::kept() const noexcept { return of(*this).bounded_state::kept(); }
bounded_pool_statistics bounded_store::numbers() noexcept { return of(*this).read(); }

bounded_store::claim bounded_store::get_item(sync::clock::time_point deadline) noexcept {
  return of(*this).get(deadline);
}
bounded_store::claim bounded_store::get_room() noexcept { return of(*this).room_to_keep(); }
void bounded_store::keep_slow(bounded_item& item) noexcept { of(*this).put(item); }

sync::clock::time_point bounded_store::usual_deadline() const noexcept {
  return bounded_deadline(of(*this).options().max_wait);
}

void bounded_store::count_made(bool by_get) noexcept {
  bounded_state::counters& counts = of(*this).counts;
  bounded_state::counters::add(counts.made);
  if (by_get) bounded_state::counters::add(counts.misses);
}

void bounded_store::give_back_room(bounded_item& item) noexcept {
  bounded_state::counters::add(of(*this).counts.failed);
  of(*this).give_back(item);
}

void bounded_store::drop(bounded_item& item, reason why) noexcept {
  bounded_state& self = of(*this);
  if (why == reason::refused) bounded_state::counters::add(self.counts.refused);
  if (why == reason::failed) bounded_state::counters::add(self.counts.failed);
  self.destroy(item);
}

void bounded_store::refuse(refusal why) const {
  const std::string pool = "cistern: pool \"" + std::string(name()) + "\" of " + std::string(of(*this).type().name);
  if (why == refusal::closed) throw pool_closed(pool + " is closed");
  if (why == refusal::exhausted)
    throw pool_exhausted(pool + ": all of its " + std::to_string(limit_) + " objects are out, or being destroyed");
  throw std::bad_alloc();
}

// ---- misuse

void bounded_store::not_yours(const bounded_item& item, const bounded_store* into) noexcept {
  const bool is_idle = item.life == item.idle_word();
  if (!is_idle && (item.life != item.generation || item.life == 0)) {
    const char* const what = "put of what is no object that is out";
    end_program(into != nullptr ? &of(*into) : nullptr, item, what);
  }
  const bounded_state& owner = of(*item.owner);
  if (into != nullptr && into != item.owner) {
    char what[96];
    std::snprintf(what, sizeof what, "put into the wrong pool; it is one of \"%s\"", owner.name().data());
    end_program(&of(*into), item, what);
  }
  end_program(&owner, item,
              is_idle ? "put twice" : "put by a stale handle: it was put before, and has been taken anew");
}

void bounded_store::written_after_put(const bounded_item& item) const noexcept {
  end_program(&of(*this), item, "written to after it was put");
}

}  // namespace cistern::inline v0::detail
