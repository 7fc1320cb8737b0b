// SPDX-License-Identifier: MIT
#include "pool_state.hpp"
#include <cistern/allocators/statistics_text.hpp>
#include <cistern/pools/pool_statistics.hpp>

#include <mutex>
#include <utility>
#include <vector>

namespace cistern::inline v0 {
namespace detail {

// Threads' magazines are counted first, so what comes from the depot meanwhile is taken for live; what goes there is
// counted twice.
pool_statistics pool_state::statistics() {
  pool_statistics all{};
  all.name = name();
  all.number = number_;
  all.classes.resize(class_count());
  {
    const std::scoped_lock lock(caches_mutex_);
    for (thread_cache* each = caches_; each != nullptr; each = each->next) {
      ++all.threads;
      const std::scoped_lock no_changes(each->lock);
      for_each_step([&](std::size_t step) {
        class_statistics& class_of = all.classes[class_at_[step]];
        class_of.gets += each->bin_of(step).gets.load(std::memory_order_relaxed);
        class_of.cached_threads += of(each->bin_of(step)).count() + each->shelf_of(step).spare.count();
        for (const magazine* full = each->shelf_of(step).more.full.first; full != nullptr; full = full->next())
          class_of.cached_threads += full->stored();
      });
    }
    for (std::size_t i = 0; i < class_count(); ++i) all.classes[i].gets += past_gets_[i];
  }
  std::vector<std::size_t> resting(class_count());
  if (quarantine_ != nullptr) {
    const std::scoped_lock lock(quarantine_->lock);
    for (std::size_t i = 0; i < quarantine_->count; ++i)
      ++resting[class_at_[quarantine_->entries[(quarantine_->first + i) % quarantine::size].step]];
  }
  for (std::size_t i = 0; i < class_count(); ++i) {
    class_statistics& one = all.classes[i];
    const class_center::numbers now = centers_[i].read();
    one.bytes = classes_.size_of(i);
    one.cached_depot = now.depot_blocks;
    one.retained = now.span_free;
    const std::size_t idle = one.cached_threads + one.cached_depot + one.retained + resting[i];
    one.live = now.span_blocks > idle ? now.span_blocks - idle : 0;
    one.gets += now.single_gets;
    one.refills = now.refills;
    one.misses = now.misses;
    one.flushes = now.flushes;
    one.trimmed = now.trimmed;
    all.live += one.live * one.bytes;
    all.cached_threads += one.cached_threads * one.bytes;
    all.cached_depot += one.cached_depot * one.bytes;
    all.resting += resting[i] * one.bytes;
    all.retained += one.retained * one.bytes;
    all.gets += one.gets;
  }
  const unit_heap::numbers units = heap_.read(), magazines = magazine_heap_.read();
  const large_blocks::numbers large = large_.read();
  all.retained += units.free_unit_bytes;
  all.large = large.live_bytes;
  all.large_gets = large.gets;
  all.gets += large.gets;
  all.taken = source_.taken();
  const std::size_t described =
      all.live + all.cached_threads + all.cached_depot + all.retained + all.resting + all.large;
  all.bookkeeping = all.taken > described ? all.taken - described : 0;
  all.high_water = source_.high_water();
  all.returned = source_.returned() + units.returned_pages_bytes + magazines.returned_pages_bytes;
  all.ticks = ticks_.load(std::memory_order_relaxed);
  all.waits = waits_.load(std::memory_order_relaxed);
  all.failures = failures_.load(std::memory_order_relaxed);
  return all;
}

}  // namespace detail

namespace {

constexpr detail::named_number<pool_statistics> fields[] = {
    {"live", "bytes in blocks that are out", [](const auto& s) -> std::uint64_t { return s.live; }, false},
    {"cached_threads", "idle bytes in magazines of threads",
     [](const auto& s) -> std::uint64_t { return s.cached_threads; }, false},
    {"cached_depot", "idle bytes in the depot", [](const auto& s) -> std::uint64_t { return s.cached_depot; }, false},
    {"retained", "idle bytes in spans", [](const auto& s) -> std::uint64_t { return s.retained; }, false},
    {"bookkeeping", "bytes of the pool's own", [](const auto& s) -> std::uint64_t { return s.bookkeeping; }, false},
    {"resting", "bytes in quarantine", [](const auto& s) -> std::uint64_t { return s.resting; }, false},
    {"large", "bytes in blocks of no class", [](const auto& s) -> std::uint64_t { return s.large; }, false},
    {"taken", "bytes taken from the upstream", [](const auto& s) -> std::uint64_t { return s.taken; }, false},
    {"high_water", "most bytes ever taken", [](const auto& s) -> std::uint64_t { return s.high_water; }, false},
    {"threads", "threads with magazines", [](const auto& s) -> std::uint64_t { return s.threads; }, false},
    {"returned", "bytes given back", [](const auto& s) -> std::uint64_t { return s.returned; }, true},
    {"gets", "blocks handed out", [](const auto& s) -> std::uint64_t { return s.gets; }, true},
    {"large_gets", "blocks of no class handed out", [](const auto& s) -> std::uint64_t { return s.large_gets; }, true},
    {"ticks", "ticks and trims", [](const auto& s) -> std::uint64_t { return s.ticks; }, true},
    {"waits", "gets that waited for memory", [](const auto& s) -> std::uint64_t { return s.waits; }, true},
    {"failures", "gets that got nothing", [](const auto& s) -> std::uint64_t { return s.failures; }, true},
};

constexpr detail::named_number<class_statistics> class_fields[] = {
    {"live", "blocks that are out", [](const auto& s) -> std::uint64_t { return s.live; }, false},
    {"cached_threads", "idle blocks in magazines of threads",
     [](const auto& s) -> std::uint64_t { return s.cached_threads; }, false},
    {"cached_depot", "idle blocks in the depot", [](const auto& s) -> std::uint64_t { return s.cached_depot; }, false},
    {"retained", "idle blocks in spans", [](const auto& s) -> std::uint64_t { return s.retained; }, false},
    {"gets", "blocks handed out", [](const auto& s) -> std::uint64_t { return s.gets; }, true},
    {"refills", "magazines from the depot", [](const auto& s) -> std::uint64_t { return s.refills; }, true},
    {"misses", "times the depot had none", [](const auto& s) -> std::uint64_t { return s.misses; }, true},
    {"flushes", "magazines to the depot", [](const auto& s) -> std::uint64_t { return s.flushes; }, true},
    {"trimmed", "blocks gone back into spans", [](const auto& s) -> std::uint64_t { return s.trimmed; }, true},
};

bool in_use(const class_statistics& of) noexcept {
  return of.gets != 0 || of.live + of.cached_threads + of.cached_depot + of.retained != 0;
}

std::string label(const pool_statistics& pool) {
  return detail::quoted(pool.name) + ",number=\"" + std::to_string(pool.number) + '"';
}

}  // namespace

std::string to_string(const pool_statistics& statistics) {
  std::string text = "pool \"" + statistics.name + "\":";
  detail::append_words(text, fields, statistics);
  for (const class_statistics& of : statistics.classes) {
    if (!in_use(of)) continue;
    text += "\n  class " + std::to_string(of.bytes) + ':';
    detail::append_words(text, class_fields, of);
  }
  return text;
}

std::string to_json(const pool_statistics& statistics) {
  std::string text = "{\"name\":" + detail::quoted(statistics.name);
  detail::append_json(text, fields, statistics);
  text += ",\"classes\":[";
  bool first = true;
  for (const class_statistics& of : statistics.classes) {
    text += std::exchange(first, false) ? "{\"bytes\":" : ",{\"bytes\":";
    text += std::to_string(of.bytes);
    detail::append_json(text, class_fields, of);
    text += '}';
  }
  return text + "]}";
}

std::string to_prometheus(const std::vector<pool_statistics>& pools) {
  std::string text;
  for (const auto& each : fields) {
    const std::string name = each.series("cistern_pool_");
    detail::append_head(text, each, name);
    for (const pool_statistics& pool : pools)
      text += name + "{pool=" + label(pool) + "} " + std::to_string(each.of(pool)) + '\n';
  }
  for (const auto& each : class_fields) {
    const std::string name = each.series("cistern_pool_class_");
    detail::append_head(text, each, name);
    for (const pool_statistics& pool : pools)
      for (const class_statistics& of : pool.classes)
        if (in_use(of))
          text += name + "{pool=" + label(pool) + ",size=\"" + std::to_string(of.bytes) + "\"} " +
                  std::to_string(each.of(of)) + '\n';
  }
  return text;
}

std::string to_prometheus(const pool_statistics& statistics) {
  return to_prometheus(std::vector<pool_statistics>{statistics});
}

}  // namespace cistern::inline v0
