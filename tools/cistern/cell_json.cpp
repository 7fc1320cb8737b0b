// SPDX-License-Identifier: MIT
#include "cell_json.hpp"

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace cistern::compare {
namespace {

using json = nlohmann::ordered_json;

// Every plain field once, for both directions: `visit(name, field)`.
template <class Result, class Visit>
void each_field(Result& result, Visit visit) {
  visit("operations", result.operations);
  visit("units", result.units);
  visit("seconds", result.seconds);
  visit("cpu_seconds", result.cpu_seconds);
  visit("rss_before", result.rss_before);
  visit("rss_peak", result.rss_peak);
  visit("rss_drained", result.rss_drained);
  visit("rss_trimmed", result.rss_trimmed);
  visit("minor_faults", result.minor_faults);
  visit("major_faults", result.major_faults);
  visit("voluntary_switches", result.voluntary_switches);
  visit("involuntary_switches", result.involuntary_switches);
}

template <class Latency, class Visit>
void each_latency_field(Latency& latency, Visit visit) {
  visit("samples", latency.samples);
  visit("p50", latency.p50);
  visit("p99", latency.p99);
  visit("p999", latency.p999);
  visit("max", latency.max);
}

template <class Fill, class Visit>
void each_class_field(Fill& fill, Visit visit) {
  visit("bytes", fill.bytes);
  visit("live", fill.live);
  visit("cached_threads", fill.cached_threads);
  visit("cached_depot", fill.cached_depot);
  visit("retained", fill.retained);
}

json to_json(const std::vector<perf::class_fill>& classes) {
  json list = json::array();
  for (const perf::class_fill& each : classes) {
    json object;
    each_class_field(each, [&](const char* name, const auto& value) { object[name] = value; });
    list.push_back(std::move(object));
  }
  return list;
}

}  // namespace

json cell_to_json(const perf::cell_result& result) {
  json object, latency, memory = json::array();
  each_field(result, [&](const char* name, const auto& value) { object[name] = value; });
  each_latency_field(result.latency_ns, [&](const char* name, const auto& value) { latency[name] = value; });
  for (const perf::memory_sample& sample : result.memory)
    memory.push_back({{"seconds", sample.seconds}, {"live_bytes", sample.live_bytes}, {"rss_bytes", sample.rss_bytes}});
  object["latency_ns"] = std::move(latency);
  object["memory"] = std::move(memory);
  if (!result.classes.empty()) object["classes"] = to_json(result.classes);
  return object;
}

perf::cell_result cell_from_json(std::string_view text) try {
  const json object = json::parse(text);
  perf::cell_result result{};
  each_field(result, [&](const char* name, auto& value) { object.at(name).get_to(value); });
  const json& latency = object.at("latency_ns");
  each_latency_field(result.latency_ns, [&](const char* name, auto& value) { latency.at(name).get_to(value); });
  for (const json& sample : object.at("memory"))
    result.memory.push_back({.seconds = sample.at("seconds").get<double>(),
                             .live_bytes = sample.at("live_bytes").get<std::size_t>(),
                             .rss_bytes = sample.at("rss_bytes").get<std::size_t>()});
  if (const auto classes = object.find("classes"); classes != object.end())
    for (const json& one : *classes)
      each_class_field(result.classes.emplace_back(),
                       [&](const char* name, auto& value) { one.at(name).get_to(value); });
  return result;
} catch (const json::exception& error) {
  throw std::runtime_error(std::string("not the result of a cell: ") + error.what());
}

}  // namespace cistern::compare
