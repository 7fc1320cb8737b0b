// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include "preload.hpp"
#include "quantity.hpp"
#include "verdict.hpp"
#include "words.hpp"
#include "workload_tables.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

class screen_writer {
 public:
  screen_writer(const comparison& found, const machine_facts& machine, const table_style& style)
      : found_(found), machine_(machine), style_(style) {}

  std::string write() {
    write_machine();
    if (!found_.cells.empty()) write_workloads();
    for (const program_result& program : found_.programs) write_program(program);
    if (!found_.note.empty()) line(found_.note);
    if (!found_.complete) line("Interrupted: this is what had been measured by then.");
    return std::move(text_);
  }

 private:
  void line(const std::string& text, std::size_t indent = 4) {
    text_ += wrapped(text, static_cast<std::size_t>(style_.width), indent) + "\n";
  }

  void heading(const std::string& text) { text_ += style_.colours ? "\x1b[1m" + text + "\x1b[0m\n" : text + "\n"; }

  void write_machine() {
    line(fmt::format("{}, {} processor{}, {} MiB, {}, {}", machine_.cpu, machine_.cores, machine_.cores == 1 ? "" : "s",
                     mebibytes_text(static_cast<double>(machine_.memory_bytes)), machine_.distribution,
                     machine_.kernel));
    if (machine_.load_at_start > 0.5 * machine_.cores)
      line(fmt::format("The load was {:.1f} at the start: other work on this machine disturbs the figures.",
                       machine_.load_at_start));
    text_ += "\n";
  }

  void write_workloads() {
    const workload_tables made = make_workload_tables(found_);
    for (const table& each : made.tables) text_ += render(each, style_) + "\n";
    for (const std::string& note : made.notes) line(note);
    if (!made.notes.empty()) text_ += "\n";
    heading("Verdicts");
    for (const workload_verdict& each : judge_workloads(found_))
      line(fmt::format("{}{}: {}", each.workload, each.threads > 1 ? fmt::format(", {} threads", each.threads) : "",
                       each.verdict.text));
    text_ += "\n";
  }

  void write_program(const program_result& program) {
    if (program.status != program_status::ok) {
      line(fmt::format("{}: {}: {}", program.name, program.status == program_status::is_static ? "static" : "failed",
                       program.reason));
    } else {
      text_ += render(make_program_table(program), style_);
      for (const program_contender& each : program.contenders)
        if (!each.reason.empty()) line(fmt::format("{}: {}", each.name, each.reason));
      line("Verdict: " + judge_program(program).text);
    }
    text_ += "\n";
  }

  const comparison& found_;
  const machine_facts& machine_;
  const table_style style_;
  std::string text_;
};

}  // namespace

std::string write_screen(const comparison& found, const machine_facts& machine, const table_style& style) {
  return screen_writer(found, machine, style).write();
}

std::string write_list(const table_style& style) {
  table workloads{.title = "Workloads (--workload takes a name or what stands before the first /)",
                  .head = {"name", "set", "threads", "what it does"},
                  .rows = {},
                  .text_at_end = true};
  for (const perf::workload_info& info : perf::workloads())
    workloads.rows.push_back(
        {{info.name}, {info.quick ? "quick" : "full"}, {info.threaded ? "any" : "1"}, {info.what}});
  table contenders{
      .title = "Contenders", .head = {"name", "kind", "version", "what it is"}, .rows = {}, .text_at_end = true};
  for (const perf::contender_info& info : perf::contenders())
    contenders.rows.push_back({{info.name}, {info.kind}, {info.version}, {info.what}});
  table preloads{.title = "For programs (cistern compare -- program arguments...)",
                 .head = {"name", "version", "library"},
                 .rows = {},
                 .text_at_end = true};
  for (const preload_contender& contender : preload_contenders())
    preloads.rows.push_back({{contender.name},
                             {contender.info().version},
                             {contender.library.empty() ? contender.what : contender.library}});
  return render(workloads, style) + "\n" + render(contenders, style) + "\n" + render(preloads, style);
}

}  // namespace cistern::compare
