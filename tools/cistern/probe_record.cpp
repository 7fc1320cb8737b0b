// SPDX-License-Identifier: MIT
#include "probe_record.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

std::vector<std::string_view> cut(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(at, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

template <class T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return a == b || std::filesystem::equivalent(a, b, error);
}

// The C++ libraries' operator new calls malloc.
bool calls_malloc(const std::string& file) {
  const std::string name = std::filesystem::path(file).filename();
  return name.starts_with("libstdc++.so") || name.starts_with("libc++.so") || name.starts_with("libc++abi.so");
}

std::string fault_of(const probe_record::process& process, const std::string& library) {
  const std::string& wanted = library.empty() ? process.libc_file : library;
  if (!same_file(process.malloc_file, wanted))
    return fmt::format("malloc of {} is in {}", process.executable, process.malloc_file);
  const std::string& operator_new = process.operator_new_file;
  if (!operator_new.empty() && !calls_malloc(operator_new) && !same_file(operator_new, wanted))
    return fmt::format("operator new of {} is in {}", process.executable, operator_new);
  return {};
}

}  // namespace

const probe_record::process* probe_record::root(int id) const {
  const auto last = std::find_if(starts.rbegin(), starts.rend(), [&](const process& each) { return each.id == id; });
  return last == starts.rend() ? nullptr : &*last;
}

bool probe_record::saw_end_of(int id) const { return std::ranges::find(peaks, id, &peak::id) != peaks.end(); }

std::uint64_t probe_record::largest_peak(int root) const {
  if (!saw_end_of(root)) return 0;
  return std::ranges::max(peaks, {}, &peak::bytes).bytes;
}

probe_record parse_probe_record(std::string_view text) {
  constexpr std::size_t start_fields = 6, exit_fields = 3;
  probe_record record;
  for (const std::string_view line : cut(text, '\n')) {
    const auto fields = cut(line, '\t');
    if (fields.size() == start_fields && fields[0] == "start")
      record.starts.push_back({.id = number<int>(fields[1]),
                               .malloc_file = std::string(fields[2]),
                               .operator_new_file = std::string(fields[3]),
                               .libc_file = std::string(fields[4]),
                               .executable = std::string(fields[5])});
    else if (fields.size() == exit_fields && fields[0] == "exit")
      record.peaks.push_back({number<int>(fields[1]), number<std::uint64_t>(fields[2]) * 1024});
  }
  return record;
}

binding judge_binding(const probe_record& record, int root, const std::string& library, bool ended_by_itself) {
  const probe_record::process* const program = record.root(root);
  if (program == nullptr)
    return {.bound = {},
            .as_intended = false,
            .reason = "nothing was preloaded: the dynamic linker did not load the probe"};
  for (const probe_record::process& process : record.starts)
    if (std::string fault = fault_of(process, library); !fault.empty())
      return {.bound = program->malloc_file, .as_intended = false, .reason = std::move(fault)};
  if (ended_by_itself && !record.saw_end_of(root))
    return {.bound = {},
            .as_intended = false,
            .reason = fmt::format("{} went on out of the probe's sight: as a static program, or without LD_PRELOAD",
                                  program->executable)};
  return {.bound = program->malloc_file, .as_intended = true, .reason = {}};
}

}  // namespace cistern::compare
