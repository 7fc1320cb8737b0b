// SPDX-License-Identifier: MIT
//
// Design: a bucket_pool, and a home for each site. The core with all of them stays as long as the last block is out,
// since buffers know their homes.
#include "pool_list.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/allocators/statistics_text.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace cistern::inline v0 {
namespace detail {
namespace {

constexpr const char* hinted_name = "(with a hint)";
constexpr std::size_t smallest_capacity = 64;

}  // namespace

class buffer_pool_core final : private ager {
 public:
  static buffer_pool_core* make(const byte_buffer_pool_options& options);
  void end() noexcept;

  bucket_pool& blocks() noexcept { return *blocks_; }
  buffer_home& own_home() noexcept { return own_home_; }
  buffer_home& hinted_home() noexcept { return hinted_home_; }
  buffer_home& home(std::string_view name, const source_site& from = {});
  buffer_home* find(std::string_view name, const source_site& from) noexcept;
  void learn() noexcept;
  std::vector<learnt_sizes> learnt();
  std::size_t pinned() noexcept;

 private:
  explicit buffer_pool_core(const byte_buffer_pool_options& options);
  ~buffer_pool_core();
  void unlock_after_fork() noexcept;
  bool age(age_level) noexcept override {
    learn();
    return false;
  }
  template <class F>
  void for_each_home(F f) {
    for (buffer_home* each = &own_home_; each != nullptr; each = each->next.load(std::memory_order_acquire))  // [a]
      f(*each);
  }

  immortal<bucket_pool> blocks_;  // ended by end(), and remembered by buffers until the last of them is back
  ageing_clock* clock_;
  const buffer_home::limits limits_;
  buffer_home own_home_, hinted_home_;
  fork_handler at_fork_;
  mutex mutex_;  // of those who append to the homes: own_home_, hinted_home_, and those of sites. None ever goes
};

namespace {

pool_options block_options(const byte_buffer_pool_options& options) {
  return {.name = options.name,
          .classes = four_per_doubling({.smallest = smallest_capacity, .largest = options.largest}),
          .upstream = options.upstream,
          .budget = options.budget,
          .max_idle_bytes = options.max_idle_bytes,
          .clock = options.clock,
          .background = options.background,
          .at_end = options.at_end,
          .zero_on_put = options.zero_on_put,
          .pass_through = options.pass_through};
}

const byte_buffer_pool_options& checked(const byte_buffer_pool_options& options) {
  const auto bad = [](const std::string& what) {
    throw std::invalid_argument("cistern: options of a pool of buffers: " + what);
  };
  const auto is_part = [](double part) { return part > 0 && part <= 1; };
  if (!is_part(options.usual_part) || !is_part(options.kept_part))
    bad("usual_part and kept_part are parts of all uses, above 0 and up to 1");
  if (options.usual_part > options.kept_part) bad("usual_part is above kept_part");
  if (options.largest < 4096) bad("largest is below 4096 bytes");
  if (options.initial_capacity > options.largest) bad("initial_capacity is above largest");
  return options;
}

void check(const learnt_sizes& site) {
  const auto bad = [&](const char* what) {
    throw std::invalid_argument("cistern: learnt sizes of site \"" + site.site + "\": " + what);
  };
  std::size_t below = 0;
  for (const learnt_sizes::bar& each : site.histogram) {
    if (!(each.uses > 0) || !std::isfinite(each.uses)) bad("uses are numbers above 0");
    if (each.bytes <= below) bad("bytes of bars are above 0, and ascend");
    below = each.bytes;
  }
}

std::string_view checked_site(std::string_view name) {
  if (name.empty() || name == hinted_name || name.find('\n') != name.npos)
    throw std::invalid_argument("cistern: a site's name is not empty, one line, and not \"" + std::string(hinted_name) +
                                '"');
  return name;
}

}  // namespace

buffer_pool_core::buffer_pool_core(const byte_buffer_pool_options& options)
    : blocks_(block_options(options)),
      clock_(options.clock),
      limits_{.usual_part = options.usual_part,
              .kept_part = options.kept_part,
              .initial = options.initial_capacity,
              .largest = options.largest},
      own_home_("", {}, blocks_->core(), limits_),
      hinted_home_(hinted_name, {}, blocks_->core(), limits_),
      at_fork_{.rank = fork_rank::small_object,
               .prepare =
                   [](void* self) noexcept {
                     auto& core = *static_cast<buffer_pool_core*>(self);
                     core.mutex_.lock();
                     core.for_each_home([](buffer_home& each) { each.lock_for_fork(); });
                   },
               .parent = [](void* self) noexcept { static_cast<buffer_pool_core*>(self)->unlock_after_fork(); },
               .child = [](void* self) noexcept { static_cast<buffer_pool_core*>(self)->unlock_after_fork(); },
               .self = this} {
  own_home_.next.store(&hinted_home_, std::memory_order_relaxed);
  pool_state::of(blocks_->core()).set_companion({this, [](void* self) noexcept {
                                                   delete static_cast<buffer_pool_core*>(self);
                                                 }});
  install(at_fork_);
  if (clock_ != nullptr) clock_->add(*this);
}

buffer_pool_core* buffer_pool_core::make(const byte_buffer_pool_options& options) {
  return new buffer_pool_core(checked(options));
}

// Called as the block pool goes.
buffer_pool_core::~buffer_pool_core() {
  remove(at_fork_);
  buffer_home* each = hinted_home_.next.load(std::memory_order_relaxed);
  while (each != nullptr) delete std::exchange(each, each->next.load(std::memory_order_relaxed));
}

void buffer_pool_core::end() noexcept {
  if (clock_ != nullptr) clock_->remove(*this);
  pool_state& blocks = pool_state::of(blocks_->core());
  pool_list::set_face(blocks, nullptr);
  blocks.close();
}

void buffer_pool_core::unlock_after_fork() noexcept {
  for_each_home([](buffer_home& each) { each.unlock_after_fork(); });
  mutex_.unlock();
}

buffer_home* buffer_pool_core::find(std::string_view name, const source_site& from) noexcept {
  buffer_home* found = nullptr;
  for_each_home([&](buffer_home& each) {
    if (found == nullptr && (from.line != 0 ? each.is_at(from) : each.name() == name)) found = &each;
  });
  return found;
}

// Whoever looks for it by its place finds it by its address; the same place in another copy of an inline function has
// another address, and the same name.
buffer_home& buffer_pool_core::home(std::string_view name, const source_site& from) {
  if (buffer_home* const there = find(name, from)) return *there;
  std::string own = from.line != 0 ? std::string(from.file) + ':' + std::to_string(from.line) : std::string(name);
  if (buffer_home* const there = find(own, {})) return *there;
  auto made = std::make_unique<buffer_home>(std::move(own), from, blocks_->core(), limits_);
  const std::scoped_lock lock(mutex_);
  if (buffer_home* const there = find(made->name(), {})) return *there;
  buffer_home* last = &own_home_;
  while (buffer_home* const next = last->next.load(std::memory_order_relaxed)) last = next;
  buffer_home* const added = made.release();
  last->next.store(added, std::memory_order_release);  // [a]
  return *added;
}

void buffer_pool_core::learn() noexcept {
  std::size_t kept = 0;
  for_each_home([&](buffer_home& each) {
    each.learn();
    kept = std::max(kept, each.kept_now());
  });
  pool_state::of(blocks_->core()).set_common(kept != 0 ? kept : SIZE_MAX);
}

std::vector<learnt_sizes> buffer_pool_core::learnt() {
  std::vector<learnt_sizes> all;
  for_each_home([&](buffer_home& each) { all.push_back(each.learnt()); });
  return all;
}

std::size_t buffer_pool_core::pinned() noexcept {
  std::size_t bytes = 0;
  for_each_home([&](buffer_home& each) { bytes += each.pinned(); });
  return bytes;
}

}  // namespace detail

byte_buffer_pool::byte_buffer_pool(const byte_buffer_pool_options& options)
    : core_(detail::buffer_pool_core::make(options)),
      home_(&core_->own_home()),
      hinted_(&core_->hinted_home()),
      resource_(&core_->blocks()) {}

byte_buffer_pool::~byte_buffer_pool() { core_->end(); }

byte_buffer_pool& byte_buffer_pool::process() {
  static const detail::immortal<byte_buffer_pool> pool(byte_buffer_pool_options{.name = "buffers"});
  return *pool;
}

// A capacity that is a guess may be less.
byte_buffer byte_buffer_pool::get_slow(detail::buffer_home& home, std::size_t capacity) {
  bucket_pool& blocks = core_->blocks();
  void* block = blocks.try_allocate(capacity);
  if (block == nullptr && &home != hinted_) block = blocks.allocate(capacity = detail::smallest_capacity);
  if (block == nullptr) throw std::bad_alloc();
  return {static_cast<std::byte*>(block), std::max(capacity, blocks.usable_size(block)), resource_, home};
}

byte_buffer_pool::site::site(byte_buffer_pool& pool, source_site from)
    : pool_(pool), home_(&pool.core_->home({}, from)) {}

byte_buffer_pool::site::site(byte_buffer_pool& pool, std::string_view name)
    : pool_(pool), home_(&pool.core_->home(detail::checked_site(name))) {}

learnt_sizes byte_buffer_pool::site::learnt() const { return home_->learnt(); }

std::vector<learnt_sizes> byte_buffer_pool::learnt() const { return core_->learnt(); }

void byte_buffer_pool::learn(const std::vector<learnt_sizes>& sites) {
  for (const learnt_sizes& each : sites) detail::check(each);
  for (const learnt_sizes& each : sites) core_->home(each.site).learn_from(each);
}

void byte_buffer_pool::learn() noexcept { core_->learn(); }
void byte_buffer_pool::trim() noexcept { core_->blocks().trim(); }
std::string_view byte_buffer_pool::name() const noexcept { return core_->blocks().name(); }
bucket_pool& byte_buffer_pool::blocks() const noexcept { return core_->blocks(); }

byte_buffer_pool_statistics byte_buffer_pool::statistics() const {
  return {.blocks = core_->blocks().statistics(), .pinned = core_->pinned(), .sites = core_->learnt()};
}

// ---- as text

std::string to_string(const byte_buffer_pool_statistics& statistics) {
  return to_string(statistics.blocks) + "pinned by slices " + std::to_string(statistics.pinned) + "\n" +
         to_string(statistics.sites);
}

std::string to_json(const byte_buffer_pool_statistics& statistics) {
  std::string text =
      "{\"blocks\":" + to_json(statistics.blocks) + ",\"pinned\":" + std::to_string(statistics.pinned) + ",\"sites\":[";
  for (const learnt_sizes& site : statistics.sites) {
    if (text.back() != '[') text += ',';
    text += "{\"site\":" + detail::quoted(site.site) + ",\"usual_capacity\":" + std::to_string(site.usual_capacity) +
            ",\"largest_kept\":" + std::to_string(site.largest_kept) + ",\"histogram\":[";
    for (const learnt_sizes::bar& bar : site.histogram) {
      char uses[32];
      std::snprintf(uses, sizeof uses, "%.6g", bar.uses);
      if (text.back() != '[') text += ',';
      text += '[' + std::to_string(bar.bytes) + ',' + uses + ']';
    }
    text += "]}";
  }
  return text + "]}";
}

std::string to_prometheus(const byte_buffer_pool_statistics& statistics) {
  const std::string pool =
      "pool=" + detail::quoted(statistics.blocks.name) + ",number=\"" + std::to_string(statistics.blocks.number) + '"';
  std::string text = to_prometheus(statistics.blocks);
  const auto gauge = [&](const char* series, const char* help) {
    text += std::string("# HELP ") + series + ' ' + help + "\n# TYPE " + series + " gauge\n";
  };
  gauge("cistern_buffer_pool_pinned_bytes", "in blocks that slices hold");
  text += "cistern_buffer_pool_pinned_bytes{" + pool + "} " + std::to_string(statistics.pinned) + '\n';
  const auto of_sites = [&](const char* series, const char* help, auto value) {
    gauge(series, help);
    for (const learnt_sizes& site : statistics.sites)
      text += std::string(series) + '{' + pool + ",site=" + detail::quoted(site.site) + "} " +
              std::to_string(value(site)) + '\n';
  };
  of_sites("cistern_buffer_pool_usual_capacity_bytes", "what a get without a hint gives",
           [](const learnt_sizes& site) { return site.usual_capacity; });
  of_sites("cistern_buffer_pool_largest_kept_bytes", "blocks above that leave at the next tick",
           [](const learnt_sizes& site) { return site.largest_kept; });
  return text;
}

}  // namespace cistern::inline v0
