// SPDX-License-Identifier: MIT
#include "document.hpp"

#include "cell_json.hpp"
#include "summary.hpp"
#include "verdict.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#ifndef CISTERN_VERSION
#define CISTERN_VERSION "unversioned"
#endif

namespace cistern::compare {
namespace {

using json = nlohmann::ordered_json;

const char* text_of(status status) {
  switch (status) {
    case status::ok:
      return "ok";
    case status::skipped:
      return "skipped";
    case status::failed:
      return "failed";
  }
  return "";
}

const char* text_of(program_status status) {
  switch (status) {
    case program_status::ok:
      return "ok";
    case program_status::failed:
      return "failed";
    case program_status::is_static:
      return "static";
  }
  return "";
}

json to_json(const machine_facts& machine) {
  return {{"cpu", machine.cpu},
          {"cores", machine.cores},
          {"memory_bytes", machine.memory_bytes},
          {"kernel", machine.kernel},
          {"distribution", machine.distribution},
          {"transparent_huge_pages", machine.transparent_huge_pages},
          {"compiler", machine.compiler},
          {"malloc", machine.malloc},
          {"load_at_start", machine.load_at_start}};
}

json to_json(range spread) { return {{"low", spread.low}, {"high", spread.high}}; }

// A count stays a whole number, whatever it was computed as.
json number(double value) {
  constexpr double exact = 9007199254740992;  // 2 to the 53rd
  if (std::trunc(value) == value && std::fabs(value) < exact) return static_cast<std::int64_t>(value);
  return value;
}

// A curve of at most 240 points: of each stretch the sample with most resident memory, so that no peak is lost.
std::vector<perf::memory_sample> thinned(const std::vector<perf::memory_sample>& samples) {
  constexpr std::size_t most = 240;
  if (samples.size() <= most) return samples;
  std::vector<perf::memory_sample> kept{samples.front()};
  const std::size_t inner = samples.size() - 2, stretches = most - 2;
  for (std::size_t i = 0; i < stretches; ++i) {
    const auto begin = samples.begin() + 1 + static_cast<std::ptrdiff_t>(i * inner / stretches);
    const auto end = samples.begin() + 1 + static_cast<std::ptrdiff_t>((i + 1) * inner / stretches);
    kept.push_back(
        *std::max_element(begin, end, [](const auto& a, const auto& b) { return a.rss_bytes < b.rss_bytes; }));
  }
  kept.push_back(samples.back());
  return kept;
}

// The curve of memory and the size classes are kept for the median round only: they are most of the document.
json round_json(perf::cell_result round) {
  round.memory.clear();
  round.classes.clear();
  return cell_to_json(round);
}

// What a cell has of its median round: the curve of memory, and its size classes where it tells them.
void add_median_round(json& cell, perf::cell_result round) {
  round.memory = thinned(round.memory);
  const json whole = cell_to_json(round);
  for (const char* list : {"memory", "classes"})
    if (whole.contains(list)) cell[list] = whole.at(list);
}

json to_json(const cell& cell) {
  json object{{"workload", cell.workload}, {"contender", cell.contender}, {"threads", cell.threads}};
  object["status"] = text_of(cell.status);
  object["reason"] = cell.reason;
  object["rounds"] = json::array();
  for (const perf::cell_result& round : cell.rounds) object["rounds"].push_back(round_json(round));
  json medians = json::object();
  if (!cell.rounds.empty())
    for (const named_figure& figure : cell_figures) medians[figure.name] = number(median(values(cell, figure.of)));
  object["median"] = std::move(medians);
  object["spread"] = to_json(spread(values(cell, ns_per_operation)));
  object["memory"] = json::array();
  if (!cell.rounds.empty()) add_median_round(object, median_round(cell));
  return object;
}

json to_json(const program_contender& contender) {
  json object{{"name", contender.name},   {"status", text_of(contender.status)},  {"reason", contender.reason},
              {"bound", contender.bound}, {"as_intended", contender.as_intended}, {"rounds", json::array()},
              {"median", json::object()}};
  for (const program_round& round : contender.rounds) {
    json figures;
    for (const named_program_figure& figure : program_figures) figures[figure.name] = number(figure.of(round));
    object["rounds"].push_back(std::move(figures));
  }
  if (!contender.rounds.empty())
    for (const named_program_figure& figure : program_figures)
      object["median"][figure.name] = number(median(values(contender, figure.of)));
  object["spread"] = to_json(spread(values(contender, program_figures.front().of)));
  return object;
}

json to_json(const verdict& verdict) {
  return {{"best", verdict.best}, {"difference", verdict.difference}, {"text", verdict.text}};
}

json to_json(const program_result& program) {
  json object{{"name", program.name},
              {"command", program.command},
              {"status", text_of(program.status)},
              {"reason", program.reason},
              {"contenders", json::array()}};
  for (const program_contender& contender : program.contenders) object["contenders"].push_back(to_json(contender));
  object["verdict"] = to_json(judge_program(program));
  return object;
}

}  // namespace

std::string write_document(const comparison& found, const machine_facts& machine) {
  json document{{"schema", 1},
                {"cistern", CISTERN_VERSION},
                {"started", found.started},
                {"elapsed_seconds", found.elapsed_seconds},
                {"set", found.set},
                {"rounds", found.rounds},
                {"complete", found.complete},
                {"note", found.note},
                {"machine", to_json(machine)}};
  for (const char* list : {"contenders", "workloads", "cells", "verdicts", "programs"}) document[list] = json::array();
  for (const perf::contender_info& info : found.contenders)
    document["contenders"].push_back(
        {{"name", info.name}, {"kind", info.kind}, {"what", info.what}, {"version", info.version}});
  for (const perf::workload_info& info : found.workloads)
    document["workloads"].push_back(
        {{"name", info.name}, {"family", info.family}, {"what", info.what}, {"threaded", info.threaded}});
  for (const cell& each : found.cells) document["cells"].push_back(to_json(each));
  for (const workload_verdict& each : judge_workloads(found)) {
    json object{{"workload", each.workload}, {"threads", each.threads}};
    object.update(to_json(each.verdict));
    document["verdicts"].push_back(std::move(object));
  }
  for (const program_result& each : found.programs) document["programs"].push_back(to_json(each));
  // What a program wrote on its standard error need not be UTF-8.
  return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace cistern::compare
