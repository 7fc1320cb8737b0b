// SPDX-License-Identifier: MIT
#include "bounded_state.hpp"
#include <cistern/allocators/statistics_text.hpp>
#include <cistern/pools/bounded_pool_statistics.hpp>

#include <mutex>

namespace cistern::inline v0 {
namespace detail {

bounded_pool_statistics bounded_state::read() noexcept {
  const auto read = [](const auto& number) { return number.load(std::memory_order_relaxed); };
  bounded_pool_statistics all{};
  all.name = std::string(name());
  all.type = type_.name;
  all.limit = limit_;
  std::uint64_t pops = 0;
  {
    const std::scoped_lock lock(mutex_);
    for (const bounded_stripe& each : stripes()) {
      const std::uint32_t count = each.count();  // before the changes, which are not fewer then
      const std::uint64_t changed = each.changes();
      all.kept += count;
      pops += (changed - count) / 2;  // the others were pushes
    }
    pops -= taken_idle_;
    all.extras = extras_;
    all.total = read(total_);
  }
  all.out = all.total > all.kept ? all.total - all.kept : 0;
  all.most = read(most_);
  all.handovers = read(counts.handovers);
  all.hits = pops + all.handovers;
  all.misses = read(counts.misses);
  all.gets = all.hits + all.misses;
  all.made = read(counts.made);
  all.dropped = read(counts.dropped);
  all.overflowed = read(counts.overflowed);
  all.refused = read(counts.refused);
  all.aged = read(counts.aged);
  all.failed = read(counts.failed);
  all.waits = read(counts.waits);
  all.put_waits = read(counts.put_waits);
  all.failures = read(counts.failures);
  all.ticks = read(counts.ticks);
  all.bytes_each = item_bytes_;
  return all;
}

}  // namespace detail

namespace {

using numbers = bounded_pool_statistics;

constexpr detail::named_number<numbers> fields[] = {
    {"limit", "items that the pool is bounded to", [](const numbers& s) -> std::uint64_t { return s.limit; }, false},
    {"kept", "items that are idle", [](const numbers& s) -> std::uint64_t { return s.kept; }, false},
    {"out", "items handed out", [](const numbers& s) -> std::uint64_t { return s.out; }, false},
    {"total", "items that there are", [](const numbers& s) -> std::uint64_t { return s.total; }, false},
    {"most", "most items at a time", [](const numbers& s) -> std::uint64_t { return s.most; }, false},
    {"extras", "items that are not kept", [](const numbers& s) -> std::uint64_t { return s.extras; }, false},
    {"gets", "items asked for and got", [](const numbers& s) -> std::uint64_t { return s.gets; }, true},
    {"hits", "gets that found an item", [](const numbers& s) -> std::uint64_t { return s.hits; }, true},
    {"misses", "gets that made an item", [](const numbers& s) -> std::uint64_t { return s.misses; }, true},
    {"handovers", "gets that a put has served", [](const numbers& s) -> std::uint64_t { return s.handovers; }, true},
    {"made", "items made", [](const numbers& s) -> std::uint64_t { return s.made; }, true},
    {"dropped", "items destroyed", [](const numbers& s) -> std::uint64_t { return s.dropped; }, true},
    {"overflowed", "items destroyed for want of room", [](const numbers& s) -> std::uint64_t { return s.overflowed; },
     true},
    {"refused", "items destroyed by their keep hook", [](const numbers& s) -> std::uint64_t { return s.refused; },
     true},
    {"aged", "items destroyed idle", [](const numbers& s) -> std::uint64_t { return s.aged; }, true},
    {"failed", "hooks that threw", [](const numbers& s) -> std::uint64_t { return s.failed; }, true},
    {"waits", "gets that had to wait", [](const numbers& s) -> std::uint64_t { return s.waits; }, true},
    {"put_waits", "puts that had to wait", [](const numbers& s) -> std::uint64_t { return s.put_waits; }, true},
    {"failures", "gets that got nothing", [](const numbers& s) -> std::uint64_t { return s.failures; }, true},
    {"ticks", "ticks", [](const numbers& s) -> std::uint64_t { return s.ticks; }, true},
    {"bytes_each", "bytes of an item with its header", [](const numbers& s) -> std::uint64_t { return s.bytes_each; },
     false},
};

}  // namespace

std::string to_string(const bounded_pool_statistics& statistics) {
  std::string text = "pool \"" + statistics.name + "\" of " + statistics.type + ':';
  detail::append_words(text, fields, statistics);
  return text;
}

std::string to_json(const bounded_pool_statistics& statistics) {
  std::string text = "{\"name\":" + detail::quoted(statistics.name) + ",\"type\":" + detail::quoted(statistics.type);
  detail::append_json(text, fields, statistics);
  return text + '}';
}

std::string to_prometheus(const bounded_pool_statistics& statistics) {
  std::string text;
  const std::string labels =
      "{pool=" + detail::quoted(statistics.name) + ",type=" + detail::quoted(statistics.type) + "} ";
  for (const auto& each : fields) {
    const std::string name = each.series("cistern_bounded_pool_");
    detail::append_head(text, each, name);
    text += name + labels + std::to_string(each.of(statistics)) + '\n';
  }
  return text;
}

}  // namespace cistern::inline v0
