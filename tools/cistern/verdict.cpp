// SPDX-License-Identifier: MIT
#include "verdict.hpp"

#include "quantity.hpp"
#include "summary.hpp"
#include "words.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

constexpr std::string_view usual = "glibc";  // what a program has when nobody chose: always named in the text
constexpr std::string_view floor_kind = "floor";

double times_as_long(const candidate& slow, const candidate& fast) {
  const double least = median(fast.times);
  return least > 0 ? median(slow.times) / least : 1;
}

std::string lead_text(const std::vector<std::string>& best) {
  if (best.size() == 1) return best.front() + " leads";
  return listed(best) + " lead, no difference between them";
}

// The usual allocator and the slowest one, where they are behind.
std::string behind_text(const candidate& leader, const std::vector<const candidate*>& behind) {
  const candidate& slowest = *behind.back();
  const auto common = std::ranges::find(behind, usual, &candidate::name);
  std::string text;
  if (common != behind.end() && *common != &slowest)
    text = fmt::format("; {} needs {} times as long", usual, ratio_text(times_as_long(**common, leader)));
  return text + fmt::format("; {}{} needs {} times as long", slowest.name, behind.size() > 1 ? ", the slowest," : "",
                            ratio_text(times_as_long(slowest, leader)));
}

// Those that only the spread of their rounds keeps in the lead: their median is above that of one that is behind.
std::vector<std::string> take_vague(std::vector<const candidate*>& leading, const candidate& first_behind) {
  std::vector<std::string> vague;
  while (median(leading.back()->times) > median(first_behind.times)) {
    vague.insert(vague.begin(), leading.back()->name);
    leading.pop_back();
  }
  return vague;
}

std::string difference_text(std::vector<const candidate*> leading, const std::vector<const candidate*>& behind) {
  const candidate& leader = *leading.front();
  const std::vector<std::string> vague = take_vague(leading, *behind.front());
  std::vector<std::string> best;
  for (const candidate* each : leading) best.push_back(each->name);
  const std::string text = lead_text(best) + behind_text(leader, behind);
  return vague.empty() ? text : text + fmt::format("; {} varied too much to tell", listed(vague));
}

std::string_view kind_of(const comparison& found, const std::string& contender) {
  const auto info = std::ranges::find(found.contenders, contender, &perf::contender_info::name);
  return info == found.contenders.end() ? std::string_view{} : std::string_view(info->kind);
}

using cells = std::vector<const cell*>;

// Least and most of a figure of memory over the allocators.
std::string extremes_text(const cells& judged, std::size_t perf::cell_result::*figure, std::string_view what) {
  const auto of = [&](const cell* cell) {
    std::vector<double> rounds;
    for (const perf::cell_result& round : cell->rounds) rounds.push_back(static_cast<double>(round.*figure));
    return median(std::move(rounds));
  };
  const auto [least, most] = std::ranges::minmax_element(judged, {}, of);
  return fmt::format("; {}: {} {} MiB, {} {} MiB", what, (*least)->contender, mebibytes_text(of(*least)),
                     (*most)->contender, mebibytes_text(of(*most)));
}

bool about_memory(const comparison& found, const std::string& workload) {
  const auto info = std::ranges::find(found.workloads, workload, &perf::workload_info::name);
  return info != found.workloads.end() && (info->family == "memory" || info->family == "mleak");
}

std::string floor_text(const comparison& found, const cells& group, const verdict& of) {
  if (of.best.empty()) return {};
  for (const cell* reference : group) {
    if (kind_of(found, reference->contender) != floor_kind) continue;
    const auto leader = std::ranges::find(group, of.best.front(), &cell::contender);
    const double share = median(values(*reference, ns_per_operation)) / median(values(**leader, ns_per_operation));
    return fmt::format("; the floor takes {:.2f} of the leader's time", share);
  }
  return {};
}

workload_verdict judge_group(const comparison& found, const cells& group) {
  cells judged;
  std::ranges::copy_if(group, std::back_inserter(judged),
                       [&](const cell* cell) { return kind_of(found, cell->contender) == "allocator"; });
  const bool allocators_only = judged.size() >= 2;
  if (!allocators_only) judged = group;

  std::vector<candidate> candidates;
  for (const cell* cell : judged) candidates.push_back({cell->contender, values(*cell, ns_per_operation)});
  workload_verdict result{group.front()->workload, group.front()->threads, judge(candidates)};
  if (allocators_only) result.verdict.text += floor_text(found, group, result.verdict);
  if (judged.size() >= 2 && about_memory(found, result.workload)) {
    result.verdict.text += extremes_text(judged, &perf::cell_result::rss_peak, "peak");
    result.verdict.text += extremes_text(judged, &perf::cell_result::rss_trimmed, "kept after the trim");
  }
  return result;
}

}  // namespace

verdict judge(std::span<const candidate> candidates) {
  std::vector<const candidate*> order;
  for (const candidate& each : candidates) order.push_back(&each);
  std::ranges::stable_sort(order, {}, [](const candidate* each) { return median(each->times); });
  if (order.empty()) return {.best = {}, .difference = false, .text = "nothing was measured"};
  if (order.size() == 1)
    return {.best = {order.front()->name},
            .difference = false,
            .text = fmt::format("only {} was measured: nothing to compare it with", order.front()->name)};

  const candidate& leader = *order.front();
  verdict result;
  std::vector<const candidate*> leading, behind;
  for (const candidate* each : order) (no_difference(leader.times, each->times) ? leading : behind).push_back(each);
  for (const candidate* each : leading) result.best.push_back(each->name);
  result.difference = !behind.empty();
  result.text = result.difference ? difference_text(leading, behind) : "no difference between " + listed(result.best);
  return result;
}

std::vector<workload_verdict> judge_workloads(const comparison& found) {
  std::vector<cells> groups;
  for (const cell& each : found.cells) {
    if (!each.measured()) continue;
    const auto same = std::ranges::find_if(groups, [&](const cells& group) {
      return group.front()->workload == each.workload && group.front()->threads == each.threads;
    });
    if (same == groups.end())
      groups.push_back({&each});
    else
      same->push_back(&each);
  }
  std::vector<workload_verdict> verdicts;
  for (const cells& group : groups) verdicts.push_back(judge_group(found, group));
  return verdicts;
}

verdict judge_program(const program_result& program) {
  std::vector<candidate> candidates;
  std::vector<std::string> left_out;
  for (const program_contender& each : program.contenders) {
    if (!each.measured()) continue;
    if (each.as_intended)
      candidates.push_back({each.name, values(each, [](const program_round& round) { return round.wall_seconds; })});
    else
      left_out.push_back(each.name);
  }
  verdict result = judge(candidates);
  if (candidates.empty() && !left_out.empty())
    result.text = "nothing was compared: the program does not take its malloc from what is preloaded";
  else if (!left_out.empty())
    result.text += fmt::format("; left out, as another malloc was bound: {}", listed(left_out));
  return result;
}

}  // namespace cistern::compare
