// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include "bad_input.hpp"
#include "nearest_name.hpp"
#include "words.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#ifndef CISTERN_VERSION
#define CISTERN_VERSION "unversioned"
#endif

namespace cistern::compare {
namespace {

constexpr int most_threads = 1024, most_rounds = 1000, most_milliseconds = 3'600'000;

int number(std::string_view option, std::string_view text, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > most)
    throw bad_input(fmt::format("{} takes a whole number from 1 to {}, not \"{}\"", option, most, text));
  return value;
}

std::vector<int> thread_list(const std::string& text) {
  std::vector<int> list;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    list.push_back(number("--threads", std::string_view(text).substr(at, comma - at), most_threads));
    at = comma + 1;
  }
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

program_request named_program(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw bad_input(fmt::format("--program takes \"name=command line\", not \"{}\"", text));
  program_request request{text.substr(0, equals), split_words(std::string_view(text).substr(equals + 1))};
  if (request.command.empty()) throw bad_input(fmt::format("--program \"{}\" names no command after the =", text));
  return request;
}

// The options as CLI11 fills them in: numbers are still text, so that our own line can say what is wrong with them.
struct raw_options {
  compare_options options;
  bool quick = false;
  std::optional<std::string> threads, rounds, budget, time_limit;
  std::vector<std::string> programs;
};

void describe_compare(CLI::App& app, raw_options& raw) {
  auto* const quick = app.add_flag("--quick", raw.quick, "The quick set: under 3 minutes on 2 processors (default)");
  app.add_flag("--full", raw.options.full, "Every workload, longer and with more threads: about half an hour")
      ->excludes(quick);
  app.add_option("--workload", raw.options.workloads, "Workloads or families of them; see --list")
      ->type_name("NAME")
      ->delimiter(',');
  app.add_option("--contender", raw.options.contenders, "Allocators and others; see --list")
      ->type_name("NAME")
      ->delimiter(',');
  app.add_option("--threads", raw.threads, "Numbers of threads, as in 1,2,4")->type_name("LIST");
  app.add_option("--rounds", raw.rounds, "How often each is measured")->type_name("N");
  app.add_flag("--list", raw.options.list, "Say what there is and end");
  app.add_option("--json", raw.options.json_file, "Write the result document")->type_name("FILE");
  app.add_option("--html", raw.options.html_file, "Write one page with pictures")->type_name("FILE");
  app.add_flag("--no-color", raw.options.no_color, "No colours, also on a terminal");
  app.add_option("--program", raw.programs, "Compare this program too, after the workloads (repeatable)")
      ->type_name("\"NAME=COMMAND LINE\"")
      ->allow_extra_args(false);
  app.add_option("--stdin", raw.options.stdin_file, "What programs read as standard input")->type_name("FILE");
  app.add_option("--budget-ms", raw.budget)->group("");
  app.add_option("--time-limit-ms", raw.time_limit)->group("");
  app.footer(
      "cistern compare [options] -- program arguments...\n"
      "  compares the allocators on that program instead, by preloading each.");
  app.allow_extras();
}

void describe_cell(CLI::App& app, perf::cell_request& request, std::string& threads, std::string& budget) {
  app.add_option("--workload", request.workload)->required();
  app.add_option("--contender", request.contender)->required();
  app.add_option("--threads", threads);
  app.add_option("--budget-ms", budget);
  app.add_flag("--full", request.full);
}

compare_options finished(raw_options raw, bool has_dashes, const std::vector<std::string>& after_dashes) {
  compare_options options = std::move(raw.options);
  if (raw.threads) options.threads = thread_list(*raw.threads);
  if (raw.rounds) options.rounds = number("--rounds", *raw.rounds, most_rounds);
  if (raw.budget) options.budget = std::chrono::milliseconds(number("--budget-ms", *raw.budget, most_milliseconds));
  if (raw.time_limit)
    options.time_limit = std::chrono::milliseconds(number("--time-limit-ms", *raw.time_limit, most_milliseconds));
  if (has_dashes && after_dashes.empty())
    throw bad_input("no program after --; write: cistern compare -- program arguments...");
  if (has_dashes && !options.workloads.empty())
    throw bad_input("--workload goes without a program; to have both in one run: --program \"name=command line\"");
  options.programs_only = has_dashes;
  if (has_dashes) options.programs.push_back({std::filesystem::path(after_dashes.front()).filename(), after_dashes});
  for (const std::string& text : raw.programs) options.programs.push_back(named_program(text));
  if (options.programs.empty() && options.stdin_file != compare_options{}.stdin_file)
    throw bad_input("--stdin is for programs; name one: cistern compare --stdin file -- program arguments...");
  for (program_request& program : options.programs) program.name = printable(program.name);
  return options;
}

[[noreturn]] void refuse_extra(const std::string& extra, const CLI::App& compare) {
  if (extra.front() != '-')
    throw bad_input(fmt::format("unexpected \"{0}\"; a program goes after --: cistern compare -- {0}", extra));
  std::vector<std::string> known;
  for (const CLI::Option* option : compare.get_options())
    if (!option->get_group().empty()) known.push_back(option->get_name());
  const auto near = nearest_names(extra, known);
  throw bad_input(
      fmt::format("unknown option {}; {}", extra,
                  near.empty() ? "cistern compare --help names them all" : "nearest: " + listed(near, "or")));
}

// The three commands, and where CLI11 puts what it reads.
class command_line {
 public:
  command_line() {
    app_.set_version_flag("--version", "cistern " CISTERN_VERSION);
    app_.allow_extras();
    describe_compare(*compare_, raw_);
    describe_cell(*cell_, request_, cell_threads_, cell_budget_);
  }

  // Text to print instead of a command, for --help and --version.
  std::optional<print_text> read(std::vector<std::string> words) try {
    std::ranges::reverse(words);  // the order in which CLI11 takes a vector
    app_.parse(std::move(words));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    return print_text{app_.help()};
  } catch (const CLI::CallForVersion& version) {
    return print_text{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    const std::string text = error.what();
    throw bad_input(text.substr(0, text.find('\n')) + "; see cistern compare --help");
  }

  command chosen(bool has_dashes, const std::vector<std::string>& after_dashes) {
    if (!app_.remaining().empty()) {
      const std::string extra = app_.remaining().front();
      const char* const sort = extra.starts_with('-') ? "option" : "command";
      throw bad_input(fmt::format("unknown {} {}; write: cistern compare", sort, extra));
    }
    if (compare_->count() + cell_->count() + binding_->count() > 1)
      throw bad_input("one command at a time; write: cistern compare [options]");
    if (binding_->parsed()) return show_binding{};
    if (cell_->parsed()) {
      request_.threads = number("--threads", cell_threads_, most_threads);
      request_.budget = std::chrono::milliseconds(number("--budget-ms", cell_budget_, most_milliseconds));
      return request_;
    }
    if (!compare_->parsed()) throw bad_input("nothing to do; write: cistern compare (or cistern --help)");
    if (!compare_->remaining().empty()) refuse_extra(compare_->remaining().front(), *compare_);
    return finished(std::move(raw_), has_dashes, after_dashes);
  }

 private:
  CLI::App app_{"Compares memory allocators on this machine.", "cistern"};
  CLI::App* compare_ = app_.add_subcommand("compare", "Allocators on the field's workloads and on real programs");
  CLI::App* cell_ = app_.add_subcommand("cell", "One measurement, printed as JSON")->group("");
  CLI::App* binding_ = app_.add_subcommand("binding", "Where malloc and operator new are in here")->group("");
  raw_options raw_;
  perf::cell_request request_;
  std::string cell_threads_ = "1", cell_budget_ = "50";
};

}  // namespace

command parse_arguments(int count, const char* const* arguments) {
  const std::vector<std::string> all(arguments + 1, arguments + count);
  const auto dashes = std::ranges::find(all, "--");
  const bool has_dashes = dashes != all.end();
  command_line line;
  if (auto text = line.read({all.begin(), dashes})) return *std::move(text);
  return line.chosen(has_dashes, {has_dashes ? dashes + 1 : dashes, all.end()});
}

}  // namespace cistern::compare
