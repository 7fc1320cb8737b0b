// SPDX-License-Identifier: MIT
#include "selection.hpp"

#include "bad_input.hpp"
#include "nearest_name.hpp"
#include "words.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <sched.h>

namespace cistern::compare {
namespace {

std::vector<perf::workload_info> chosen_workloads(const compare_options& options) {
  const std::vector<perf::workload_info>& all = perf::workloads();
  std::vector<std::string> names;
  for (const perf::workload_info& info : all) {
    names.push_back(info.name);
    if (std::ranges::find(names, info.family) == names.end()) names.push_back(info.family);
  }
  for (const std::string& wanted : options.workloads)
    if (std::ranges::find(names, wanted) == names.end()) throw bad_input(unknown_name("workload", wanted, names));

  std::vector<perf::workload_info> chosen;
  std::ranges::copy_if(all, std::back_inserter(chosen), [&](const perf::workload_info& info) {
    if (options.workloads.empty()) return options.full || info.quick;
    return std::ranges::find(options.workloads, info.name) != options.workloads.end() ||
           std::ranges::find(options.workloads, info.family) != options.workloads.end();
  });
  return chosen;
}

std::vector<perf::contender_info> chosen_contenders(const compare_options& options) {
  const std::vector<perf::contender_info>& all = perf::contenders();
  if (options.contenders.empty()) return all;
  std::vector<perf::contender_info> chosen;
  std::ranges::copy_if(all, std::back_inserter(chosen), [&](const perf::contender_info& info) {
    return std::ranges::find(options.contenders, info.name) != options.contenders.end();
  });
  return chosen;
}

// Empty when nobody can take part; then `reason` holds the first contender's.
std::vector<cell> cells_of(const perf::workload_info& workload, const std::vector<perf::contender_info>& contenders,
                           int threads, std::string& reason) {
  std::vector<cell> cells;
  bool somebody = false;
  for (const perf::contender_info& contender : contenders) {
    cell next{.workload = workload.name, .contender = contender.name, .threads = threads, .reason = {}, .rounds = {}};
    next.reason = perf::why_not(workload.name, contender.name, threads);
    if (next.reason.empty())
      somebody = true;
    else
      next.status = status::skipped;
    if (reason.empty()) reason = next.reason;
    cells.push_back(std::move(next));
  }
  return somebody ? cells : std::vector<cell>{};
}

}  // namespace

int usable_processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

std::vector<int> usual_threads(int processors, bool full) {
  const int most = std::max(2, processors);
  if (!full) return {1, most};
  std::vector<int> threads;
  for (int count = 1; count < 2 * most; count *= 2) threads.push_back(count);
  threads.push_back(most);
  threads.push_back(2 * most);
  std::ranges::sort(threads);
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

void select_cells(const compare_options& options, comparison& into) {
  into.contenders = chosen_contenders(options);
  const std::vector<int> usual = usual_threads(usable_processors(), options.full);
  const std::vector<int>& threads = options.threads.empty() ? usual : options.threads;
  std::string reason;
  for (const perf::workload_info& workload : chosen_workloads(options)) {
    const std::size_t before = into.cells.size();
    for (const int count : threads) {
      if (count > 1 && !workload.threaded) {
        if (reason.empty()) reason = fmt::format("{} runs with one thread only", workload.name);
        continue;
      }
      std::ranges::move(cells_of(workload, into.contenders, count, reason), std::back_inserter(into.cells));
    }
    if (into.cells.size() > before) into.workloads.push_back(workload);
  }
  if (into.cells.empty())
    throw bad_input(fmt::format("nothing to compare: {}; see cistern compare --list",
                                reason.empty() ? "no contender is left for the workloads" : reason));
}

}  // namespace cistern::compare
