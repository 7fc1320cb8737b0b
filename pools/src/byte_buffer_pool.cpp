// SPDX-License-Identifier: MIT
//
// Design: a bucket_pool, and a home for each site. The core with all of them stays as long as the last block is out,
// since buffers know their homes.
#include "pool_list.hpp"
#include "pool_state.hpp"
#include "statistics_text.hpp"
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace cistern::inline v0 {
namespace detail {

class buffer_pool_core final : private ager {
 public:
  static buffer_pool_core* make(const byte_buffer_pool_options& options);
  void end() noexcept;

  bucket_pool& blocks() noexcept { return *blocks_; }
  buffer_home& own_home() noexcept { return own_home_; }
  buffer_home& hinted_home() noexcept { return hinted_home_; }
  buffer_home& home(std::string name);
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
    const std::scoped_lock lock(mutex_);
    for (buffer_home* each = &own_home_; each != nullptr; each = each->next) f(*each);
  }

  immortal<bucket_pool> blocks_;  // ended by end(), and remembered by buffers until the last of them is back
  ageing_clock* clock_;
  const buffer_home::limits limits_;
  buffer_home own_home_, hinted_home_;
  fork_handler at_fork_;
  mutex mutex_;  // of the list of homes: own_home_, hinted_home_, and those of sites
};

namespace {

pool_options block_options(const byte_buffer_pool_options& options) {
  return {.name = options.name,
          .classes = four_per_doubling({.smallest = 64, .largest = options.largest}),
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

}  // namespace

buffer_pool_core::buffer_pool_core(const byte_buffer_pool_options& options)
    : blocks_(block_options(options)),
      clock_(options.clock),
      limits_{.usual_part = options.usual_part,
              .kept_part = options.kept_part,
              .initial = options.initial_capacity,
              .largest = options.largest},
      own_home_("", blocks_->core(), limits_),
      hinted_home_("(with a hint)", blocks_->core(), limits_),
      at_fork_{.rank = fork_rank::small_object,
               .prepare =
                   [](void* self) noexcept {
                     auto& core = *static_cast<buffer_pool_core*>(self);
                     core.mutex_.lock();
                     for (buffer_home* each = &core.own_home_; each != nullptr; each = each->next)
                       each->lock_for_fork();
                   },
               .parent = [](void* self) noexcept { static_cast<buffer_pool_core*>(self)->unlock_after_fork(); },
               .child = [](void* self) noexcept { static_cast<buffer_pool_core*>(self)->unlock_after_fork(); },
               .self = this} {
  own_home_.next = &hinted_home_;
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
  for (buffer_home* each = hinted_home_.next; each != nullptr;) delete std::exchange(each, each->next);
}

void buffer_pool_core::end() noexcept {
  if (clock_ != nullptr) clock_->remove(*this);
  pool_state& blocks = pool_state::of(blocks_->core());
  pool_list::set_face(blocks, nullptr);
  blocks.close();
}

void buffer_pool_core::unlock_after_fork() noexcept {
  for (buffer_home* each = &own_home_; each != nullptr; each = each->next) each->unlock_after_fork();
  mutex_.unlock();
}

buffer_home& buffer_pool_core::home(std::string name) {
  auto made = std::make_unique<buffer_home>(std::move(name), blocks_->core(), limits_);
  const std::scoped_lock lock(mutex_);
  buffer_home* last = &own_home_;
  for (;; last = last->next) {
    if (last->name() == made->name()) return *last;
    if (last->next == nullptr) break;
  }
  last->next = made.release();
  return *last->next;
}

void buffer_pool_core::learn() noexcept {
  std::size_t kept = 0;
  for_each_home([&](buffer_home& each) {
    each.learn();
    kept = std::max(kept, each.largest_kept());
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

byte_buffer byte_buffer_pool::get_slow(detail::buffer_home& home, std::size_t capacity) {
  bucket_pool& blocks = core_->blocks();
  void* const block = blocks.allocate(capacity);
  return {static_cast<std::byte*>(block), std::max(capacity, blocks.usable_size(block)), resource_, home};
}

byte_buffer_pool::site::site(byte_buffer_pool& pool, source_site from)
    : pool_(pool), home_(&pool.core_->home(std::string(from.file) + ':' + std::to_string(from.line))) {}
byte_buffer_pool::site::site(byte_buffer_pool& pool, std::string_view name)
    : pool_(pool), home_(&pool.core_->home(std::string(name))) {}

std::vector<learnt_sizes> byte_buffer_pool::learnt() const { return core_->learnt(); }

void byte_buffer_pool::learn(const std::vector<learnt_sizes>& sites) {
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
