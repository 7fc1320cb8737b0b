// SPDX-License-Identifier: MIT
//
// Contenders register by functions that CMake finds and lists (contender_list.cpp), not by static constructors: a
// static library drops an object that nobody refers to.
#include <workloads/catalogue.hpp>
#include <workloads/contender.hpp>
#include <workloads/workloads.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <stdexcept>
#include <string>
#include <utility>

namespace cistern::perf {

void register_contenders();

namespace {

// Entries stay where they are: find_contender() hands out references.
std::deque<contender_entry>& entries() {
  static std::deque<contender_entry> all;
  return all;
}

const std::deque<contender_entry>& registered() {
  static const bool once = (register_contenders(), true);
  static_cast<void>(once);
  return entries();
}

std::size_t rank(const contender_entry& entry) {
  static constexpr std::array<std::string_view, 4> kinds{"allocator", "pmr", "pool", "floor"};
  return static_cast<std::size_t>(std::ranges::find(kinds, entry.info.kind) - kinds.begin());
}

std::string why_not_threads(const workload_entry& workload, int threads) {
  switch (workload.threads) {
    case thread_rule::any:
      return {};
    case thread_rule::one:
      return threads == 1 ? "" : workload.info.name + " runs on one thread";
    case thread_rule::even:
      return threads % 2 == 0 ? "" : workload.info.name + " needs an even number of threads: half allocate, half free";
  }
  return {};
}

}  // namespace

void add_contender(contender_entry entry) { entries().push_back(std::move(entry)); }

void remove_contender(std::string_view name) {
  std::erase_if(entries(), [&](const contender_entry& each) { return each.info.name == name; });
}

const contender_entry& find_contender(std::string_view name) {
  const auto& all = registered();
  const auto found = std::ranges::find(all, name, [](const contender_entry& each) { return each.info.name; });
  if (found != all.end()) return *found;
  std::string message = "no contender \"" + std::string(name) + "\"; present:";
  const char* separator = " ";
  for (const contender_info& each : contenders()) message += std::exchange(separator, ", ") + each.name;
  throw std::invalid_argument(message);
}

const std::vector<workload_info>& workloads() {
  static const std::vector<workload_info> all = [] {
    std::vector<workload_info> infos;
    for (const workload_entry& each : catalogue()) infos.push_back(each.info);
    return infos;
  }();
  return all;
}

const std::vector<contender_info>& contenders() {
  static const std::vector<contender_info> all = [] {
    std::vector<const contender_entry*> sorted;
    for (const contender_entry& each : registered()) sorted.push_back(&each);
    std::ranges::sort(sorted, {}, [](const contender_entry* each) { return std::pair(rank(*each), each->info.name); });
    std::vector<contender_info> infos;
    for (const contender_entry* each : sorted) infos.push_back(each->info);
    return infos;
  }();
  return all;
}

std::string why_not(std::string_view workload_name, std::string_view contender_name, int threads) {
  const workload_entry& workload = find_workload(workload_name);
  const contender_entry& contender = find_contender(contender_name);
  const demands wants = demands_of(workload.numbers.what);
  const abilities& can = contender.can;
  if (threads < 1) return "there must be at least one thread";
  if (std::string reason = why_not_threads(workload, threads); !reason.empty()) return reason;
  if (wants.frees_elsewhere && !can.frees_elsewhere)
    return contender.info.name + " cannot free a block on another thread than its own";
  if (wants.mixed_sizes && !can.mixed_sizes) return contender.info.name + " has blocks of one size only";
  if (wants.frees_singly && !can.frees_singly)
    return contender.info.name + " gives memory back only when all blocks are freed together";
  if (workload.numbers.sizes.low < can.smallest)
    return contender.info.name + " is for blocks of " + std::to_string(can.smallest) + " B and more";
  return {};
}

}  // namespace cistern::perf
