// SPDX-License-Identifier: MIT
#include "preloaded_run.hpp"

#include "bad_input.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>

// From the program's folder to the probe's, once installed.
#ifndef CISTERN_PROBE_FOLDER
#define CISTERN_PROBE_FOLDER "../lib/cistern"
#endif

namespace cistern::compare {
namespace {

std::uint64_t own_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// ru_maxrss of a process that we forked is never below what we had resident: above our own peak it is the program's.
std::uint64_t peak_of(const probe_record& record, const child_outcome& child) {
  if (const std::uint64_t known = record.largest_peak(child.process); known != 0) return known;
  return child.rss_peak_bound > own_peak() ? child.rss_peak_bound : 0;
}

child_request request_for(const program_file& program, const std::vector<std::string>& command,
                          const preload_contender& contender, const std::string& probe) {
  std::string preload = probe;
  if (!contender.library.empty()) preload += ":" + contender.library;
  if (const char* const users = std::getenv("LD_PRELOAD"); users != nullptr && *users != '\0')
    preload += std::string(":") + users;
  child_request request{.program = program.path, .arguments = command, .environment = {{"LD_PRELOAD", preload}}};
  if (!contender.tunables.empty()) {
    const char* const users = std::getenv("GLIBC_TUNABLES");
    const std::string before = users != nullptr && *users != '\0' ? std::string(users) + ":" : "";
    request.environment.emplace_back("GLIBC_TUNABLES", before + contender.tunables);
  }
  return request;
}

}  // namespace

std::string find_probe() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const std::filesystem::path& folder : {self, self / CISTERN_PROBE_FOLDER}) {
    const std::filesystem::path file = folder / "cistern_probe.so";
    if (std::filesystem::exists(file, error)) return std::filesystem::canonical(file, error);
  }
  return {};
}

preloaded_run::preloaded_run(std::string stdin_file) : stdin_file_(std::move(stdin_file)) {
  const std::string probe = find_probe();
  if (probe.empty()) throw bad_input("cistern_probe.so is not beside cistern; build or install it with the command");
  std::error_code error;
  if (!std::ifstream(stdin_file_) || std::filesystem::is_directory(stdin_file_, error))
    throw bad_input("cannot read --stdin " + stdin_file_ + "; name a file that exists");
  probe_ = scratch_.file("probe.so");
  record_ = scratch_.file("record");
  std::filesystem::create_symlink(probe, probe_);
}

preloaded_run::outcome preloaded_run::run(const program_file& program, const std::vector<std::string>& command,
                                          const preload_contender& contender,
                                          std::optional<std::chrono::milliseconds> time_limit,
                                          const interruption& stop) const {
  child_request request = request_for(program, command, contender, probe_);
  request.environment.emplace_back("CISTERN_PROBE_FILE", record_);
  request.stdin_file = stdin_file_;
  request.time_limit = time_limit;
  std::ofstream(record_, std::ios::trunc).close();

  outcome result;
  result.child = run_child(request, stop);
  const probe_record record = parse_probe_record(read_file(record_));
  result.binding =
      judge_binding(record, result.child.process, contender.library, result.child.how == child_outcome::ending::exited);
  if (record.starts.empty() && program.privileged)
    result.binding.reason = "the program is set-user-id or set-group-id: the dynamic linker ignores what is preloaded";
  result.round = {.wall_seconds = result.child.wall_seconds,
                  .user_seconds = result.child.user_seconds,
                  .system_seconds = result.child.system_seconds,
                  .rss_peak = peak_of(record, result.child),
                  .minor_faults = result.child.minor_faults,
                  .major_faults = result.child.major_faults};
  return result;
}

}  // namespace cistern::compare
