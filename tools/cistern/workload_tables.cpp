// SPDX-License-Identifier: MIT
#include "workload_tables.hpp"

#include "quantity.hpp"
#include "summary.hpp"
#include "verdict.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

struct row_key {
  std::string workload;
  int threads;
  friend auto operator<=>(const row_key&, const row_key&) = default;
};

using figure_text = std::string (*)(double);

class table_maker {
 public:
  explicit table_maker(const comparison& found) : found_(found), verdicts_(judge_workloads(found)) {
    for (const cell& each : found.cells) {
      const row_key key{each.workload, each.threads};
      if (std::ranges::find(rows_, key) == rows_.end()) rows_.push_back(key);
      by_name_[{key, each.contender}] = &each;
    }
  }

  workload_tables make() {
    add_times();
    add_throughput();
    add_latency();
    add_memory();
    add_faults();
    return std::move(result_);
  }

 private:
  struct shown_figure {
    cell_figure of;
    figure_text text;
    bool mark_best = false;
    std::string suffix = {};  ///< of the row's name
  };

  const perf::workload_info& info(const std::string& workload) const {
    return *std::ranges::find(found_.workloads, workload, &perf::workload_info::name);
  }

  table titled(std::string title) const {
    table made{.title = std::move(title), .head = {"workload"}, .rows = {}};
    for (const perf::contender_info& contender : found_.contenders) made.head.push_back(contender.name);
    return made;
  }

  std::string row_name(const row_key& key) const {
    return info(key.workload).threaded ? fmt::format("{}, {}t", key.workload, key.threads) : key.workload;
  }

  bool leads(const row_key& key, const std::string& contender) const {
    for (const workload_verdict& each : verdicts_)
      if (each.workload == key.workload && each.threads == key.threads)
        return std::ranges::find(each.verdict.best, contender) != each.verdict.best.end();
    return false;
  }

  std::string note_number(const cell& cell) {
    const std::string text = fmt::format("{} on {}: {}", cell.workload, cell.contender, cell.reason);
    auto at = std::ranges::find(failures_, text);
    if (at == failures_.end()) {
      failures_.push_back(text);
      result_.notes.push_back(fmt::format("[{}] failed: {}", failures_.size(), text));
      at = failures_.end() - 1;
    }
    return fmt::format("[{}]", at - failures_.begin() + 1);
  }

  void note_skipped(const cell& cell) {
    const bool named = cell.reason.starts_with(cell.contender);
    const std::string text = "- " + (named ? cell.reason : cell.contender + ": " + cell.reason);
    if (std::ranges::find(result_.notes, text) == result_.notes.end()) result_.notes.push_back(text);
  }

  table_cell shown(const row_key& key, const std::string& contender, const shown_figure& figure) {
    const auto at = by_name_.find({key, contender});
    if (at == by_name_.end()) return {};
    const cell& cell = *at->second;
    if (cell.status == status::failed) return {note_number(cell)};
    if (cell.status == status::skipped) note_skipped(cell);
    if (!cell.measured()) return {"-"};
    return {figure.text(median(values(cell, figure.of))), figure.mark_best && leads(key, contender)};
  }

  void add_row(table& to, const row_key& key, const shown_figure& figure) {
    std::vector<table_cell> row{{row_name(key) + figure.suffix}};
    for (const perf::contender_info& contender : found_.contenders) row.push_back(shown(key, contender.name, figure));
    to.rows.push_back(std::move(row));
  }

  // Without the columns that nobody fills.
  void add_table(table made) {
    for (std::size_t column = made.head.size(); column-- > 1;) {
      if (std::ranges::any_of(made.rows, [&](const auto& row) { return row[column].text != "-"; })) continue;
      made.head.erase(made.head.begin() + static_cast<std::ptrdiff_t>(column));
      for (auto& row : made.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
    }
    if (!made.rows.empty()) result_.tables.push_back(std::move(made));
  }

  void add_times() {
    table times =
        titled("ns per operation (one allocation and its free, on one thread; * leads, or shows no difference)");
    for (const row_key& key : rows_) add_row(times, key, {ns_per_operation, nanoseconds_text, true});
    add_table(std::move(times));
  }

  void add_throughput() {
    table throughput = titled("million operations per second, over all threads");
    for (const row_key& key : rows_) {
      const auto same = std::ranges::count(rows_, key.workload, &row_key::workload);
      if (same > 1) add_row(throughput, key, {operations_per_second, millions_text});
    }
    add_table(std::move(throughput));
  }

  bool any(const row_key& key, const std::function<bool(const cell&)>& holds) const {
    return std::ranges::any_of(found_.cells, [&](const cell& cell) {
      return cell.workload == key.workload && cell.threads == key.threads && cell.measured() && holds(cell);
    });
  }

  void add_latency() {
    table latency = titled("p99 of one call, ns");
    for (const row_key& key : rows_)
      if (any(key, [](const cell& cell) { return cell.rounds.front().latency_ns.samples > 0; }))
        add_row(latency, key, {[](const perf::cell_result& r, int) { return r.latency_ns.p99; }, nanoseconds_text});
    add_table(std::move(latency));
  }

  void add_memory() {
    table memory = titled("resident memory, MiB");
    for (const row_key& key : rows_) {
      const std::string& family = info(key.workload).family;
      if (family != "memory" && family != "mleak") continue;
      add_row(memory, key,
              {[](const perf::cell_result& r, int) { return static_cast<double>(r.rss_peak); }, mebibytes_text, false,
               ": peak"});
      add_row(memory, key,
              {[](const perf::cell_result& r, int) { return static_cast<double>(r.rss_drained); }, mebibytes_text,
               false, ": all freed"});
      add_row(memory, key,
              {[](const perf::cell_result& r, int) { return static_cast<double>(r.rss_trimmed); }, mebibytes_text,
               false, ": and trimmed"});
    }
    add_table(std::move(memory));
  }

  static double faults_per_thousand(const perf::cell_result& round, int /*threads*/) {
    return round.operations == 0
               ? 0
               : 1000 * static_cast<double>(round.minor_faults) / static_cast<double>(round.operations);
  }

  void add_faults() {
    constexpr double worth_showing = 1;
    table faults = titled("page faults per 1000 operations, where somebody has one at least");
    for (const row_key& key : rows_)
      if (any(key, [](const cell& cell) { return median(values(cell, faults_per_thousand)) >= worth_showing; }))
        add_row(faults, key, {faults_per_thousand, nanoseconds_text});
    add_table(std::move(faults));
  }

  const comparison& found_;
  const std::vector<workload_verdict> verdicts_;
  std::vector<row_key> rows_;
  std::map<std::pair<row_key, std::string>, const cell*> by_name_;
  std::vector<std::string> failures_;
  workload_tables result_;
};

std::string figure_of(const program_contender& contender, std::size_t index, figure_text text) {
  return text(median(values(contender, program_figures[index].of)));
}

std::string remark(const program_contender& contender) {
  if (contender.status == status::failed) return "failed: " + contender.reason;
  if (!contender.as_intended) return (contender.bound.empty() ? "NOT known: " : "NOT as intended: ") + contender.reason;
  return std::filesystem::path(contender.bound).filename();
}

}  // namespace

workload_tables make_workload_tables(const comparison& found) { return table_maker(found).make(); }

table make_program_table(const program_result& program) {
  const std::size_t runs = program.contenders.empty() ? 0 : program.contenders.front().rounds.size();
  table made{.title = fmt::format("{}: {} run{}, medians", program.name, runs, runs == 1 ? "" : "s"),
             .head = {"allocator", "wall s", "from", "to", "user s", "sys s", "peak MiB", "faults", "malloc was in"},
             .rows = {},
             .text_at_end = true};
  const std::vector<std::string> best = judge_program(program).best;
  enum { wall, user, system, peak, minor };
  for (const program_contender& each : program.contenders) {
    std::vector<table_cell> row{{each.name}};
    if (each.measured()) {
      const range times = spread(values(each, program_figures[wall].of));
      const bool leads = std::ranges::find(best, each.name) != best.end();
      const std::string most = figure_of(each, peak, mebibytes_text);
      row.push_back({figure_of(each, wall, seconds_text), leads});
      row.push_back({seconds_text(times.low)});
      row.push_back({seconds_text(times.high)});
      row.push_back({figure_of(each, user, seconds_text)});
      row.push_back({figure_of(each, system, seconds_text)});
      row.push_back({each.rounds.front().rss_peak == 0 ? "?" : most});
      row.push_back({fmt::format("{:.0f}", median(values(each, program_figures[minor].of)))});
    } else {
      row.resize(made.head.size() - 1, {"-"});
    }
    row.push_back({each.status == status::ok && each.rounds.empty() ? "not run" : remark(each)});
    made.rows.push_back(std::move(row));
  }
  return made;
}

}  // namespace cistern::compare
