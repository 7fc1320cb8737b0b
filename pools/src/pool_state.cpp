// SPDX-License-Identifier: MIT
//
// A pool's beginning and its end.
#include "pool_state.hpp"

#include "misuse.hpp"
#include "object_sites.hpp"
#include "pool_list.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/fatal.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <mutex>
#include <new>
#include <span>
#include <stdexcept>
#include <string>

#include <sys/mman.h>

namespace cistern::inline v0::detail {
namespace {

std::pmr::memory_resource& upstream_of(const pool_options& options) {
  if (options.upstream != nullptr) return *options.upstream;
  backend_resource& chosen = default_backend();
  return chosen.name() == "system" ? backend("pages") : chosen;
}

// Sizes at multiples of the alignment, each once.
size_class_table rounded(const size_class_table& classes, std::size_t alignment) {
  std::size_t sizes[size_class_table::max_count];
  std::size_t count = 0;
  for (std::size_t i = 0; i < classes.count(); ++i) {
    const std::size_t size = (classes.size_of(i) + alignment - 1) & ~(alignment - 1);
    if (count == 0 || sizes[count - 1] != size) sizes[count++] = size;
  }
  return size_class_table(std::span(sizes, count));
}

sync::atomic<std::uint32_t> pools_made{0};

}  // namespace

void pool_state::bad_option(const std::string& what) { throw std::invalid_argument("cistern: pool options: " + what); }

void pool_state::check(const pool_options& options) {
  if (!std::has_single_bit(options.alignment))
    bad_option("alignment (" + std::to_string(options.alignment) + ") is not a power of two");
  if (options.alignment < 16 || options.alignment > block_map::unit)
    bad_option("alignment (" + std::to_string(options.alignment) + ") must lie between 16 and 65536");
  constexpr std::size_t largest = std::size_t{1} << 30;
  if (options.classes.largest() > largest)
    bad_option("the largest class (" + std::to_string(options.classes.largest()) + ") is above 1 GiB");
  if (options.max_wait < std::chrono::nanoseconds::zero()) bad_option("max_wait is negative");
  // Bookkeeping, the cache of a thread, and spans.
  constexpr std::size_t least_bytes = std::size_t{1} << 20;
  if (options.max_bytes < least_bytes && !options.pass_through)
    bad_option("max_bytes is " + std::to_string(options.max_bytes) + "; with less than 1 MiB a pool serves little");
  if (options.pass_through && (options.canaries || options.quarantine_bytes != 0 || options.guard_one_in != 0))
    bad_option("pass_through has no blocks for canaries, quarantine_bytes or guard_one_in to watch");
  if (options.name.size() > 31)
    bad_option("the name \"" + std::string(options.name) + "\" is longer than 31 characters");
  if (std::ranges::any_of(options.name,
                          [](char each) { return static_cast<unsigned char>(each) < ' ' || each == 127; }))
    bad_option("the name has a control character");
}

pool_state* pool_state::make(const pool_options& options) { return make(options, nullptr); }

pool_state* pool_state::make(const pool_options& options, const object_setup* objects) {
  check(options);
  std::pmr::memory_resource& upstream = upstream_of(options);
  void* const memory = upstream.allocate(sizeof(pool_state), alignof(pool_state));
  pool_state* made = nullptr;
  try {
    made = new (memory) pool_state(options, upstream, objects);
  } catch (...) {
    upstream.deallocate(memory, sizeof(pool_state), alignof(pool_state));
    throw;
  }
  return made;
}

pool_state::pool_state(const pool_options& options, std::pmr::memory_resource& upstream, const object_setup* objects)
    : options_(options),
      classes_(rounded(options.classes, options.alignment)),
      number_(pools_made.fetch_add(1, std::memory_order_relaxed) + 1),
      light_(asymmetric_fence::light_is_light()),
      source_(upstream, options.max_bytes, options.budget),
      heap_(source_, options.return_pages, unit_heap::most_units),
      magazine_heap_(source_, options.return_pages, unit_heap::least_units),
      large_(source_),
      at_fork_{.rank = fork_rank::pool,
               .prepare = [](void* self) noexcept { static_cast<pool_state*>(self)->before_fork(); },
               .parent = [](void* self) noexcept { static_cast<pool_state*>(self)->after_fork(); },
               .child = [](void* self) noexcept { static_cast<pool_state*>(self)->child_of_fork(); },
               .self = this} {
  std::ranges::copy(options.name, name_.begin());
  options_.name = name_.data();
  options_.upstream = &upstream;
  if (options_.clock != &ageing_clock::process()) options_.background = false;
  if (objects != nullptr) set_up(*objects);
  if (!source_.count(sizeof(pool_state))) throw std::bad_alloc();
  const std::size_t count = class_count();
  lay_out_steps();
  centers_ = static_cast<class_center*>(source_.allocate((count + 1) * sizeof(class_center), alignof(class_center)));
  if (centers_ == nullptr) {
    source_.uncount(sizeof(pool_state));
    throw std::bad_alloc();
  }
  for (std::size_t i = 0; i <= count; ++i) {
    const std::size_t stride = i < count ? classes_.size_of(i) : sizeof(magazine);
    new (&centers_[i]) class_center;
    centers_[i].open(i < count ? heap_ : magazine_heap_, number_, i < count ? step_at_[i] : size_step::count,
                     class_geometry::of(stride, i < count ? bins_of(i) : 1, source_.limit(), options.max_idle_bytes));
  }
  if (options.quarantine_bytes != 0) {
    void* const memory = source_.allocate(sizeof(quarantine), alignof(quarantine));
    if (memory == nullptr) {
      give_back_own();
      throw std::bad_alloc();
    }
    quarantine_ = new (memory) quarantine{};
  }
  try {
    instance_ = thread_registry::enter(this, on_thread_exit);
  } catch (...) {
    give_back_own();
    throw;
  }
  if (is_plain()) allow_inline_puts();
  if (light_ && is_plain() && has_inline_path()) id_.store(instance_.number(), std::memory_order_relaxed);
  install(at_fork_);
  pool_list::add(*this);
  if (options_.clock != nullptr) options_.clock->add(*this);
}

// Which step has which class.
void pool_state::lay_out_steps() noexcept {
  const std::size_t count = class_count();
  std::ranges::fill(class_at_, static_cast<std::uint8_t>(count));
  std::ranges::fill(step_at_, std::uint16_t{0});
  if (is_for_objects()) {
    plain_pool_ = number_;
    bins_ = 1;
    return give_step(0, 0);
  }
  if (!is_special() && !options_.pass_through) plain_pool_ = number_;
  bool has_step[size_class_table::max_count] = {};
  std::size_t low = 0;
  for (std::size_t step = 0; low <= classes_.largest(); ++step) {
    const std::size_t high = quarter_steps::size_of(step), found = classes_.index_up(low);
    low = high + 1;
    if (found == count || classes_.index_up(high) != found) continue;
    give_step(step, found);
    step_at_[found] = static_cast<std::uint16_t>(step);  // of several the last one
    has_step[found] = true;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (has_step[i]) continue;
    step_at_[i] = static_cast<std::uint16_t>(size_step::first_own + i);
    give_step(step_at_[i], i);
  }
}

void pool_state::give_step(std::size_t step, std::size_t size_class) noexcept {
  class_at_[step] = static_cast<std::uint8_t>(size_class);
  stride_[step] = classes_.size_of(size_class);
  steps_ = std::max(steps_, step + 1);
}

std::size_t pool_state::bins_of(std::size_t size_class) const noexcept {
  return static_cast<std::size_t>(std::count(class_at_, class_at_ + steps_, size_class));
}

// What the inline code asks for before a put.
void pool_state::allow_inline_puts() noexcept {
  for_each_step([this](std::size_t step) {
    facts_[step] = {.tag = block_tag::make(number_, step_at_[class_at_[step]], 0),
                    .blocks = block_starts::of(stride_[step], center(step).geometry().blocks)};
  });
}

// With everything else given back.
pool_state::~pool_state() {
  for (const guarded_past::mapping& each : guarded_.mappings)
    if (each.base != nullptr) munmap(each.base, each.bytes);
  give_back_own();
  delete sites_;
}

void pool_state::give_back_own() noexcept {
  if (quarantine_ != nullptr) source_.deallocate(quarantine_, sizeof(quarantine), alignof(quarantine));
  source_.deallocate(centers_, (class_count() + 1) * sizeof(class_center), alignof(class_center));
  source_.uncount(sizeof(pool_state));
}

void pool_state::close() noexcept {
  const share held(*this);
  if (options_.clock != nullptr) options_.clock->remove(*this);
  empty_quarantine();
  ended_.store(true, std::memory_order_relaxed);
  thread_registry::leave(instance_);
  id_.store(nobodys, std::memory_order_relaxed);
  evict();
  if (is_over()) return;
  report_blocks_out();
  is_left_.store(true, std::memory_order_relaxed);
  something_is_idle();
}

// Blocks in magazines are out, too: whoever has put them there, or visits, takes them from there.
bool pool_state::is_over() noexcept { return live_blocks() == 0 && large_.read().live_blocks == 0; }

// The pool goes with the last share, once nothing is out. Each share is taken while a block is out, by who puts it, or
// while the pool is in the list: so none is taken after that.
//
// A put that began before the end may come to its magazine by the inline path after close() has looked there. Nobody
// hears of that: hence the visits.
void pool_state::let_go() noexcept {
  if (ended_.load(std::memory_order_relaxed) && is_over()) shares_.fetch_or(over, std::memory_order_relaxed);
  if (shares_.fetch_sub(1, std::memory_order_acq_rel) == over + 1)  // pairs with itself: the others are through
    destroy();
}

bool pool_state::prepare_visit() noexcept {
  if (shares_.fetch_add(1, std::memory_order_relaxed) != over) return true;
  shares_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

bool pool_state::visit() noexcept {
  constexpr std::uint32_t enough = 3;  // to keep the clock awake for: a put under way is seldom preempted for longer
  evict();
  const bool more = visits_.fetch_add(1, std::memory_order_relaxed) < enough;
  let_go();
  return more;
}

void pool_state::destroy() noexcept {
  pool_list::remove(*this);
  remove(at_fork_);
  {
    const std::scoped_lock lock(caches_mutex_);
    while (caches_ != nullptr) free_cache(*caches_);
  }
  shrink_empties(true);
  std::pmr::memory_resource* const upstream = source_.resource();
  const object_type type = type_;
  void* const hooks = hooks_;
  const companion with = companion_;
  this->~pool_state();
  upstream->deallocate(this, sizeof(pool_state), alignof(pool_state));
  if (type.free_hooks != nullptr) type.free_hooks(hooks);
  if (with.free != nullptr) with.free(with.what);
}

std::size_t pool_state::live_blocks() noexcept {
  std::size_t live = 0;
  for (std::size_t i = 0; i < class_count(); ++i) {
    const class_center::numbers now = centers_[i].read();
    live += now.span_blocks - now.span_free - now.depot_blocks;
  }
  return live;
}

void pool_state::report_blocks_out() noexcept {
  char line[512];
  std::size_t bytes = large_.read().live_bytes, blocks = large_.read().live_blocks;
  for (std::size_t i = 0; i < class_count(); ++i) {
    const class_center::numbers now = centers_[i].read();
    const std::size_t live = now.span_blocks - now.span_free;
    blocks += live;
    bytes += live * classes_.size_of(i);
  }
  if (is_for_objects()) {
    const int written =
        std::snprintf(line, sizeof line, "pool \"%s\" of %.*s ended with %zu objects out", name(),
                      static_cast<int>(std::min<std::size_t>(type_.name.size(), 128)), type_.name.data(), blocks);
    const std::size_t length = std::min(static_cast<std::size_t>(written), sizeof line - 1);
    say_sites(line + length, sizeof line - length);
  } else {
    std::snprintf(line, sizeof line, "pool \"%s\" ended with %zu blocks (%zu bytes) out", name(), blocks, bytes);
  }
  if (options_.at_end == blocks_out::abort) fatal(line);
  warn(line);
}

}  // namespace cistern::inline v0::detail
