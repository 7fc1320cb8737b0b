// SPDX-License-Identifier: MIT
#include "compare.hpp"

#include "bad_input.hpp"
#include "document.hpp"
#include "interruption.hpp"
#include "nearest_name.hpp"
#include "output_file.hpp"
#include "preload.hpp"
#include "program_comparison.hpp"
#include "screen.hpp"
#include "selection.hpp"
#include "words.hpp"
#include "workload_comparison.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>
#include <report.hpp>
#include <unistd.h>

namespace cistern::compare {
namespace {

constexpr int interrupted_status = 130;
constexpr double quick_program_seconds = 17;  // three programs and the workloads make three minutes

table_style terminal_style(const compare_options& options) {
  constexpr int most_columns = 100;
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  const bool refused = options.no_color || dumb || (no_color != nullptr && *no_color != '\0');
  return {.width = std::min(most_columns, columns(stdout)), .colours = !refused && isatty(STDOUT_FILENO) == 1};
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void check_contender_names(const compare_options& options, const std::vector<preload_contender>& preloads) {
  std::vector<std::string> names;
  if (!options.programs_only)
    for (const perf::contender_info& info : perf::contenders()) names.push_back(info.name);
  if (!options.programs.empty())
    for (const preload_contender& each : preloads)
      if (std::ranges::find(names, each.name) == names.end()) names.push_back(each.name);
  for (const std::string& wanted : options.contenders)
    if (std::ranges::find(names, wanted) == names.end()) throw bad_input(unknown_name("contender", wanted, names));
}

std::vector<preload_contender> chosen_preloads(const compare_options& options) {
  std::vector<preload_contender> present = preload_contenders();
  check_contender_names(options, present);
  if (options.contenders.empty() || options.programs.empty()) return present;
  std::erase_if(present, [&](const preload_contender& each) {
    return std::ranges::find(options.contenders, each.name) == options.contenders.end();
  });
  if (present.empty())
    throw bad_input(fmt::format("nothing to compare: {} cannot be preloaded; see cistern compare --list",
                                listed(options.contenders, "or")));
  return present;
}

// A program given after -- that cannot be compared leaves nothing to do; one given by --program is reported at the end.
void check_programs(const compare_options& options) {
  if (!options.programs_only) return;
  std::string reason;
  for (const program_request& request : options.programs) {
    const program_file file = find_program(request.command.front());
    if (file.status == program_status::ok) return;
    if (reason.empty()) reason = file.reason;
  }
  throw bad_input("nothing to compare: " + reason);
}

std::filesystem::path full_path(const std::string& name) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(name, error);
  return error ? std::filesystem::path{} : std::filesystem::weakly_canonical(path, error);
}

void check_files(const compare_options& options) {
  if (!options.json_file || !options.html_file) return;
  std::error_code error;
  const std::filesystem::path file = full_path(*options.json_file);
  const bool special = std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error);
  if (!special && !file.empty() && file == full_path(*options.html_file))
    throw bad_input(fmt::format("--json and --html both name {}; give each a file of its own", *options.html_file));
}

class compare_run {
 public:
  // Everything that can be wrong with the input is found here.
  explicit compare_run(const compare_options& options)
      : options_(options), preloads_(chosen_preloads(options)), style_(terminal_style(options)) {
    found_.set = options.full ? "full" : "quick";
    found_.rounds = options.rounds.value_or(options.programs_only || options.full ? 5 : 3);
    check_programs(options);
    if (!options.programs_only) select_cells(options, found_);
    if (!options.programs.empty()) runner_.emplace(options.stdin_file);
    if (options.html_file && !report::available())
      throw bad_input(
          "--html needs the charting library, which was absent when cistern was built; "
          "run tools/setup and build again");
    check_files(options);
    if (options.json_file) json_.emplace("--json", *options.json_file);
    if (options.html_file) html_.emplace("--html", *options.html_file);
  }

  int run() {
    measure();
    write_files();
    fmt::print("{}", write_screen(found_, machine_, style_));
    if (json_) fmt::print("The result document: {}\n", json_->path());
    if (html_) fmt::print("The page with pictures: {}\n", html_->path());
    std::fflush(stdout);
    for (const std::string& why : unwritten_) fmt::print(stderr, "cistern: {}\n", why);
    return status_of_run();
  }

 private:
  void measure() {
    const auto start = std::chrono::steady_clock::now();
    found_.started = utc_now();
    const interruption stop;
    {
      progress shown;
      if (!options_.programs_only) compare_workloads(options_, found_, stop, shown);
      if (runner_) compare_programs(stop, shown);
    }
    found_.complete = !stop.requested();
    found_.elapsed_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void compare_programs(const interruption& stop, progress& shown) {
    for (const preload_contender& each : preloads_)
      if (std::ranges::find(found_.contenders, each.name, &perf::contender_info::name) == found_.contenders.end())
        found_.contenders.push_back(each.info());
    const bool limited = !options_.full && !options_.programs_only && !options_.rounds;
    program_comparison comparison({.contenders = preloads_,
                                   .rounds = options_.rounds.value_or(5),
                                   .most_seconds = limited ? quick_program_seconds : 0},
                                  *runner_, stop, shown);
    for (std::size_t i = 0; i < options_.programs.size() && !stop.requested(); ++i)
      comparison.compare(options_.programs[i], found_, options_.programs.size() - i - 1);
  }

  void write_files() {
    if (!json_ && !html_) return;
    const std::string document = write_document(found_, machine_);
    if (json_) write(json_, document);
    if (html_) write(html_, report::render(document));
  }

  // A full disk must not cost the table too.
  void write(std::optional<output_file>& file, const std::string& text) try {
    file->write(text);
  } catch (const std::exception& error) {
    unwritten_.emplace_back(error.what());
    file.reset();
  }

  int status_of_run() const {
    const auto failed_cells = std::ranges::count(found_.cells, status::failed, &cell::status);
    std::vector<std::string> failed;
    if (failed_cells > 0) failed.push_back(fmt::format("{} of {} cells", failed_cells, found_.cells.size()));
    for (const program_result& program : found_.programs) {
      const bool some =
          std::ranges::any_of(program.contenders, [](const auto& each) { return each.status == status::failed; });
      if (some || program.status != program_status::ok) failed.push_back(program.name);
    }
    if (!failed.empty()) fmt::print(stderr, "cistern: failed: {}; the reasons stand above\n", listed(failed));
    if (!found_.complete) return interrupted_status;
    return failed.empty() && unwritten_.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  const compare_options& options_;
  const std::vector<preload_contender> preloads_;
  const table_style style_;
  const machine_facts machine_ = read_machine_facts();
  comparison found_;
  std::optional<preloaded_run> runner_;
  std::optional<output_file> json_, html_;
  std::vector<std::string> unwritten_;  ///< why, of each file that could not be
};

}  // namespace

int run_compare(const compare_options& options) {
  if (options.list) {
    fmt::print("{}", write_list(terminal_style(options)));
    return EXIT_SUCCESS;
  }
  return compare_run(options).run();
}

}  // namespace cistern::compare
