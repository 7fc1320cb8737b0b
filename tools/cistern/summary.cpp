// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <algorithm>

namespace cistern::compare {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

range spread(std::vector<double> values) {
  constexpr std::size_t enough_to_trim = 5;
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t out = values.size() >= enough_to_trim ? 1 : 0;
  return {.low = values[out], .high = values[values.size() - 1 - out]};
}

bool no_difference(std::span<const double> a, std::span<const double> b) {
  constexpr std::size_t few = 3;
  constexpr double margin = 1.03, margin_of_few = 1.10;
  const std::vector<double> of_a(a.begin(), a.end()), of_b(b.begin(), b.end());
  if (of_a.size() >= few && of_b.size() >= few) {
    const range spread_a = spread(of_a), spread_b = spread(of_b);
    if (spread_a.low <= spread_b.high && spread_b.low <= spread_a.high) return true;
  }
  const double near = std::min(a.size(), b.size()) < few ? margin_of_few : margin;
  const double median_a = median(of_a), median_b = median(of_b);
  return std::max(median_a, median_b) <= std::min(median_a, median_b) * near;
}

double ns_per_operation(const perf::cell_result& round, int threads) {
  return round.operations == 0 ? 0 : threads * round.seconds * 1e9 / static_cast<double>(round.operations);
}

double operations_per_second(const perf::cell_result& round, int /*threads*/) {
  return round.seconds > 0 ? static_cast<double>(round.operations) / round.seconds : 0;
}

// One line per figure; the cast is for the integers among them.
#define CISTERN_FIGURE(name, member)                                                             \
  named_figure {                                                                                 \
#name, [](const perf::cell_result& round, int) { return static_cast<double>(round.member); } \
  }
const std::array<named_figure, 15> cell_figures{{
    {"ns_per_operation", ns_per_operation},
    {"operations_per_second", operations_per_second},
    CISTERN_FIGURE(cpu_seconds, cpu_seconds),
    CISTERN_FIGURE(p50, latency_ns.p50),
    CISTERN_FIGURE(p99, latency_ns.p99),
    CISTERN_FIGURE(p999, latency_ns.p999),
    CISTERN_FIGURE(max, latency_ns.max),
    CISTERN_FIGURE(rss_peak, rss_peak),
    CISTERN_FIGURE(rss_before, rss_before),
    CISTERN_FIGURE(rss_drained, rss_drained),
    CISTERN_FIGURE(rss_trimmed, rss_trimmed),
    CISTERN_FIGURE(minor_faults, minor_faults),
    CISTERN_FIGURE(major_faults, major_faults),
    CISTERN_FIGURE(voluntary_switches, voluntary_switches),
    CISTERN_FIGURE(involuntary_switches, involuntary_switches),
}};
#undef CISTERN_FIGURE

const std::array<named_program_figure, 6> program_figures{{
    {"wall_seconds", [](const program_round& round) { return round.wall_seconds; }},
    {"user_seconds", [](const program_round& round) { return round.user_seconds; }},
    {"system_seconds", [](const program_round& round) { return round.system_seconds; }},
    {"rss_peak", [](const program_round& round) { return static_cast<double>(round.rss_peak); }},
    {"minor_faults", [](const program_round& round) { return static_cast<double>(round.minor_faults); }},
    {"major_faults", [](const program_round& round) { return static_cast<double>(round.major_faults); }},
}};

std::vector<double> values(const cell& cell, cell_figure figure) {
  std::vector<double> result;
  for (const perf::cell_result& round : cell.rounds) result.push_back(figure(round, cell.threads));
  return result;
}

std::vector<double> values(const program_contender& contender, double (*figure)(const program_round&)) {
  std::vector<double> result;
  for (const program_round& round : contender.rounds) result.push_back(figure(round));
  return result;
}

const perf::cell_result& median_round(const cell& cell) {
  std::vector<const perf::cell_result*> rounds;
  for (const perf::cell_result& round : cell.rounds) rounds.push_back(&round);
  std::ranges::sort(rounds, {}, [&](const auto* round) { return ns_per_operation(*round, cell.threads); });
  return *rounds[(rounds.size() - 1) / 2];
}

}  // namespace cistern::compare
