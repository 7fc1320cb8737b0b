// SPDX-License-Identifier: MIT
#include <workloads/process.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace cistern::perf {
namespace {

// The beginning of a file in /proc, in a buffer of the caller's: reading memory use must not use memory.
std::string_view read_proc(const char* path, char* buffer, std::size_t capacity) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t length = read(file, buffer, capacity);
  close(file);
  return length > 0 ? std::string_view(buffer, static_cast<std::size_t>(length)) : std::string_view();
}

// The first number at or after `at`, or 0.
std::size_t number_at(std::string_view text, std::size_t at) noexcept {
  at = text.find_first_of("0123456789", at);
  if (at == std::string_view::npos) return 0;
  std::size_t value = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), value);
  return value;
}

double seconds(const timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

std::size_t rss_bytes() noexcept {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  char buffer[128];
  const std::string_view text = read_proc("/proc/self/statm", buffer, sizeof buffer);
  return number_at(text, text.find(' ')) * page;
}

std::size_t peak_rss_bytes() noexcept {
  char buffer[4096];
  const std::string_view text = read_proc("/proc/self/status", buffer, sizeof buffer);
  const std::size_t line = text.find("VmHWM:");
  return line == std::string_view::npos ? 0 : number_at(text, line) * 1024;
}

void reset_peak_rss() noexcept {
  const int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = write(file, "5", 1);
  close(file);
}

resource_usage usage() noexcept {
  rusage now{};
  getrusage(RUSAGE_SELF, &now);
  return {.cpu_seconds = seconds(now.ru_utime) + seconds(now.ru_stime),
          .minor_faults = static_cast<std::uint64_t>(now.ru_minflt),
          .major_faults = static_cast<std::uint64_t>(now.ru_majflt),
          .voluntary_switches = static_cast<std::uint64_t>(now.ru_nvcsw),
          .involuntary_switches = static_cast<std::uint64_t>(now.ru_nivcsw)};
}

void give_up(std::string_view why) noexcept {
  std::fprintf(stderr, "cistern: the cell cannot go on: %.*s\n", static_cast<int>(why.size()), why.data());
  std::_Exit(1);
}

void run_on_new_thread(void (*function)(void*), void* argument) {
  std::thread([=]() noexcept {
    try {
      function(argument);
    } catch (const std::exception& error) {
      give_up(error.what());
    }
  }).join();
}

}  // namespace cistern::perf
