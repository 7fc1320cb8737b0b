// SPDX-License-Identifier: MIT
//
// The numbers of a worker pool in words, and for Prometheus.
#include "words.hpp"
#include <cistern/allocators/statistics_text.hpp>
#include <cistern/workers/worker_pool_statistics.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace cistern::inline v0 {

namespace {

using numbers = worker_pool_statistics;

constexpr detail::named_number<numbers> fields[] = {
    {"workers", "threads", [](const numbers& s) -> std::uint64_t { return s.workers; }, false},
    {"running", "workers with a task", [](const numbers& s) -> std::uint64_t { return s.running; }, false},
    {"idle", "workers asleep", [](const numbers& s) -> std::uint64_t { return s.idle; }, false},
    {"min_workers", "workers that stay", [](const numbers& s) -> std::uint64_t { return s.min_workers; }, false},
    {"max_workers", "workers that there may be", [](const numbers& s) -> std::uint64_t { return s.max_workers; },
     false},
    {"most_workers", "most threads at a time", [](const numbers& s) -> std::uint64_t { return s.most_workers; }, false},
    {"queued", "tasks in the shared queue", [](const numbers& s) -> std::uint64_t { return s.queued; }, false},
    {"nested", "tasks in workers' own deques", [](const numbers& s) -> std::uint64_t { return s.nested; }, false},
    {"waiting", "submissions that wait for room", [](const numbers& s) -> std::uint64_t { return s.waiting; }, false},
    {"paused", "1 while no task is started", [](const numbers& s) -> std::uint64_t { return s.paused; }, false},
    {"stopped", "1 while no task is accepted", [](const numbers& s) -> std::uint64_t { return s.stopped; }, false},
    {"submitted", "tasks accepted", [](const numbers& s) { return s.submitted; }, true},
    {"started", "tasks taken by a worker", [](const numbers& s) { return s.started; }, true},
    {"completed", "tasks that returned", [](const numbers& s) { return s.completed; }, true},
    {"failed", "tasks that threw", [](const numbers& s) { return s.failed; }, true},
    {"cancelled", "tasks cancelled before their start", [](const numbers& s) { return s.cancelled; }, true},
    {"expired", "tasks not started in time", [](const numbers& s) { return s.expired; }, true},
    {"dropped", "tasks dropped for room", [](const numbers& s) { return s.dropped; }, true},
    {"discarded", "tasks discarded by a stop", [](const numbers& s) { return s.discarded; }, true},
    {"rejected", "submissions not accepted", [](const numbers& s) { return s.rejected; }, true},
    {"timed_out", "submissions rejected after a wait", [](const numbers& s) { return s.timed_out; }, true},
    {"ran_here", "tasks run by their submitters", [](const numbers& s) { return s.ran_here; }, true},
    {"steals", "tasks taken from another worker", [](const numbers& s) { return s.steals; }, true},
    {"parks", "times that a worker went to sleep", [](const numbers& s) { return s.parks; }, true},
    {"wakes", "times that a worker was woken or started", [](const numbers& s) { return s.wakes; }, true},
    {"failed_starts", "threads that the system did not give", [](const numbers& s) { return s.failed_starts; }, true},
    {"queue_high_water", "most tasks seen in the shared queue",
     [](const numbers& s) -> std::uint64_t { return s.queue_high_water; }, false},
    {"queue_bytes", "bytes of the shared queue", [](const numbers& s) -> std::uint64_t { return s.queue_bytes; },
     false},
};

std::string in_words(std::chrono::nanoseconds time) {
  const auto count = static_cast<double>(time.count());
  char text[32];
  if (count < 1e3)
    std::snprintf(text, sizeof text, "%.0f ns", count);
  else if (count < 1e6)
    std::snprintf(text, sizeof text, "%.3g us", count / 1e3);
  else if (count < 1e9)
    std::snprintf(text, sizeof text, "%.3g ms", count / 1e6);
  else
    std::snprintf(text, sizeof text, "%.4g s", count / 1e9);
  return text;
}

void append_times(std::string& text, const char* what, const time_counts& times) {
  if (times.total() == 0) return;
  text += std::string("\n  ") + what + ": half of the tasks less than " + in_words(times.quantile(0.5)) +
          ", 99 % less than " + in_words(times.quantile(0.99));
}

// Every second bucket, from 256 ns to 275 s: each but the last is four times the one before.
constexpr std::size_t first_bucket = 8, last_bucket = 38, bucket_step = 2;

void append_histogram(std::string& text, const std::string& series, const char* help, const std::string& pool,
                      const time_counts& times) {
  if (times.total() == 0) return;
  text += "# HELP " + series + ' ' + help + "\n# TYPE " + series + " histogram\n";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= last_bucket; ++i) {
    below += times.counts[i];
    if (i < first_bucket || (i - first_bucket) % bucket_step != 0) continue;
    char limit[32];
    std::snprintf(limit, sizeof limit, "%.9g", static_cast<double>(std::uint64_t{1} << i) / 1e9);
    text += series + "_bucket{pool=" + pool + ",le=\"" + limit + "\"} " + std::to_string(below) + '\n';
  }
  const std::string all = std::to_string(times.total()) + '\n';
  text += series + "_bucket{pool=" + pool + ",le=\"+Inf\"} " + all;
  text += series + "_count{pool=" + pool + "} " + all;
}

}  // namespace

std::string to_string(const worker_pool_statistics& statistics) {
  std::string text = "worker_pool \"" + statistics.name + "\":";
  detail::append_words(text, fields, statistics);
  append_times(text, "waited", statistics.waited);
  append_times(text, "ran", statistics.ran);
  for (const auto& each : statistics.failures)
    text += "\n  a task submitted at " + detail::in_words(each.site) + " threw: " + each.what;
  return text;
}

std::string to_string(const stop_report& report) {
  std::string text = report.ended ? "all workers have ended" : "not all workers have ended";
  if (report.discarded != 0) text += ", tasks discarded: " + std::to_string(report.discarded);
  if (report.queued != 0) text += ", tasks queued: " + std::to_string(report.queued);
  for (const auto& each : report.running)
    text += "\n  " +
            (each.worker == running_task::no_worker ? "another thread" : "worker " + std::to_string(each.worker)) +
            (each.pool.empty() ? "" : " of " + each.pool) + " runs a task submitted at " + detail::in_words(each.site) +
            ", for " + in_words(each.age) + " at least";
  return text;
}

std::string to_prometheus(const worker_pool_statistics& statistics) {
  std::string text;
  const std::string pool = detail::quoted(statistics.name);
  for (const auto& each : fields) {
    const std::string series = each.series("cistern_worker_pool_");
    detail::append_head(text, each, series);
    text += series + "{pool=" + pool + "} " + std::to_string(each.of(statistics)) + '\n';
  }
  append_histogram(text, "cistern_worker_pool_wait_seconds", "time from submission to start", pool, statistics.waited);
  append_histogram(text, "cistern_worker_pool_run_seconds", "time that tasks ran", pool, statistics.ran);
  return text;
}

}  // namespace cistern::inline v0
