// SPDX-License-Identifier: MIT
#include "pool_state.hpp"
#include <cistern/allocators/statistics_text.hpp>
#include <cistern/pools/object_pool_statistics.hpp>

#include <mutex>

namespace cistern::inline v0 {
namespace detail {

object_pool_statistics object_store::object_statistics() { return static_cast<pool_state*>(this)->object_numbers(); }

object_pool_statistics pool_state::object_numbers() {
  const pool_statistics memory = statistics();
  const class_statistics& cells = memory.classes.front();
  const auto read = [](const auto& number) { return number.load(std::memory_order_relaxed); };
  object_pool_statistics all{};
  all.name = memory.name;
  all.type = type_.name;
  all.total = read(objects_.total);
  all.idle_threads = cells.cached_threads;
  all.idle_depot = cells.cached_depot;
  const std::size_t idle = all.idle_threads + all.idle_depot;
  all.live = all.total > idle ? all.total - idle : 0;
  all.most = read(objects_.most);
  all.hits = gets_from_bins() + read(objects_.uncached_hits);
  all.misses = read(objects_.misses);
  all.gets = all.hits + all.misses;
  all.steals = read(objects_.steals);
  all.victim_hits = read(objects_.victim_hits);
  all.made = read(objects_.made);
  all.dropped = read(objects_.dropped);
  all.refused = read(objects_.refused);
  all.aged = read(objects_.aged);
  all.failed = read(objects_.failed);
  all.waits = memory.waits;
  all.failures = memory.failures;
  all.ticks = memory.ticks;
  all.threads = memory.threads;
  all.bytes_each = stride_[0];
  all.taken = memory.taken;
  all.high_water = memory.high_water;
  return all;
}

std::uint64_t pool_state::gets_from_bins() noexcept {
  const std::scoped_lock lock(caches_mutex_);
  std::uint64_t gets = past_gets_[0];
  for (thread_cache* each = caches_; each != nullptr; each = each->next)
    gets += each->bin_of(0).gets.load(std::memory_order_relaxed);
  return gets;
}

}  // namespace detail

namespace {

constexpr detail::named_number<object_pool_statistics> fields[] = {
    {"total", "objects that there are", [](const auto& s) -> std::uint64_t { return s.total; }, false},
    {"live", "objects handed out", [](const auto& s) -> std::uint64_t { return s.live; }, false},
    {"idle_threads", "idle objects in magazines of threads",
     [](const auto& s) -> std::uint64_t { return s.idle_threads; }, false},
    {"idle_depot", "idle objects in the depot", [](const auto& s) -> std::uint64_t { return s.idle_depot; }, false},
    {"most", "most objects at a time", [](const auto& s) -> std::uint64_t { return s.most; }, false},
    {"gets", "objects asked for and got", [](const auto& s) -> std::uint64_t { return s.gets; }, true},
    {"hits", "gets that found an idle object", [](const auto& s) -> std::uint64_t { return s.hits; }, true},
    {"misses", "gets that made an object", [](const auto& s) -> std::uint64_t { return s.misses; }, true},
    {"steals", "hits in other threads' magazines", [](const auto& s) -> std::uint64_t { return s.steals; }, true},
    {"victim_hits", "hits on objects idle for a tick", [](const auto& s) -> std::uint64_t { return s.victim_hits; },
     true},
    {"made", "objects made", [](const auto& s) -> std::uint64_t { return s.made; }, true},
    {"dropped", "objects destroyed", [](const auto& s) -> std::uint64_t { return s.dropped; }, true},
    {"refused", "objects destroyed at their put", [](const auto& s) -> std::uint64_t { return s.refused; }, true},
    {"aged", "objects destroyed idle", [](const auto& s) -> std::uint64_t { return s.aged; }, true},
    {"failed", "hooks that threw", [](const auto& s) -> std::uint64_t { return s.failed; }, true},
    {"waits", "gets that had to wait", [](const auto& s) -> std::uint64_t { return s.waits; }, true},
    {"failures", "gets that got nothing", [](const auto& s) -> std::uint64_t { return s.failures; }, true},
    {"ticks", "ticks and trims", [](const auto& s) -> std::uint64_t { return s.ticks; }, true},
    {"threads", "threads with magazines", [](const auto& s) -> std::uint64_t { return s.threads; }, false},
    {"bytes_each", "bytes of an object with its header", [](const auto& s) -> std::uint64_t { return s.bytes_each; },
     false},
    {"taken", "bytes taken from the upstream", [](const auto& s) -> std::uint64_t { return s.taken; }, false},
    {"high_water", "most bytes ever taken", [](const auto& s) -> std::uint64_t { return s.high_water; }, false},
};

}  // namespace

std::string to_string(const object_pool_statistics& statistics) {
  std::string text = "pool \"" + statistics.name + "\" of " + statistics.type + ':';
  detail::append_words(text, fields, statistics);
  return text;
}

std::string to_json(const object_pool_statistics& statistics) {
  std::string text = "{\"name\":" + detail::quoted(statistics.name) + ",\"type\":" + detail::quoted(statistics.type);
  detail::append_json(text, fields, statistics);
  return text + '}';
}

std::string to_prometheus(const object_pool_statistics& statistics) {
  std::string text;
  const std::string labels =
      "{pool=" + detail::quoted(statistics.name) + ",type=" + detail::quoted(statistics.type) + "} ";
  for (const auto& each : fields) {
    const std::string name = each.series("cistern_object_pool_");
    detail::append_head(text, each, name);
    text += name + labels + std::to_string(each.of(statistics)) + '\n';
  }
  return text;
}

}  // namespace cistern::inline v0
