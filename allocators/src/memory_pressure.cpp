// SPDX-License-Identifier: MIT
//
// The two files of the kernel differ in how they speak: a PSI trigger is the descriptor that it was written to, and
// polls with POLLPRI; memory.events is counters in text, and is watched by inotify, which also tells of changes that
// mean nothing here, so that the counters are compared.
#include <cistern/allocators/memory_pressure.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace cistern::inline v0 {
namespace {

// The folder of this process's cgroup in the unified hierarchy, "0::/path"; empty when there is none.
std::string own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return "/sys/fs/cgroup" + line.substr(3) + "/";
  return {};
}

bool exists(const std::string& file) noexcept { return access(file.c_str(), R_OK) == 0; }

std::string stall_file(const std::string& wanted) {
  if (wanted != "auto") return wanted;
  const std::string group = own_cgroup();
  return !group.empty() && exists(group + "memory.pressure") ? group + "memory.pressure" : "/proc/pressure/memory";
}

std::string events_file(const std::string& wanted) {
  if (wanted != "auto") return wanted;
  const std::string group = own_cgroup();
  return group.empty() ? group : group + "memory.events";
}

// Forgets it first: the child of a fork that comes in between must not close what has the same number by then.
void shut(int& descriptor) noexcept {
  if (const int closed = std::exchange(descriptor, -1); closed >= 0) close(closed);
}

}  // namespace

memory_pressure::memory_pressure(const pressure_options& options) noexcept {
  poll_ = epoll_create1(EPOLL_CLOEXEC);
  if (poll_ < 0) return;
  try {
    watch_stalls(options, stall_file(options.stall_file));
    watch_events(events_file(options.events_file));
  } catch (...) {  // no memory for a name: as if the file were absent
  }
  if (stalls_ < 0 && events_ < 0) shut(poll_);
}

memory_pressure::~memory_pressure() {
  for (int* each : {&poll_, &stalls_, &events_, &counts_}) shut(*each);
}

bool memory_pressure::add(int descriptor, std::uint32_t events) noexcept {
  epoll_event event{.events = events, .data = {.fd = descriptor}};
  return epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void memory_pressure::watch_stalls(const pressure_options& options, const std::string& file) noexcept {
  if (file.empty()) return;
  stalls_ = open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (stalls_ < 0) return;
  char trigger[64];
  const int length =
      std::snprintf(trigger, sizeof trigger, "some %llu %llu", static_cast<unsigned long long>(options.stall_us),
                    static_cast<unsigned long long>(options.window_us));
  // The kernel wants the final zero too.
  const auto bytes = static_cast<std::size_t>(length) + 1;
  if (write(stalls_, trigger, bytes) != static_cast<ssize_t>(bytes) || !add(stalls_, EPOLLPRI)) shut(stalls_);
}

void memory_pressure::watch_events(const std::string& file) noexcept {
  if (file.empty()) return;
  counts_ = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (counts_ < 0) return;
  events_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (events_ < 0 || inotify_add_watch(events_, file.c_str(), IN_MODIFY) < 0 || !add(events_, EPOLLIN)) {
    shut(events_);
    shut(counts_);
    return;
  }
  seen_ = count_events();
}

// How often the cgroup was held back by "high", or was at "max".
std::uint64_t memory_pressure::count_events() const noexcept {
  char text[1024];
  const ssize_t length = pread(counts_, text, sizeof text, 0);
  std::string_view rest(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  std::uint64_t sum = 0;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
    const std::size_t blank = line.find(' ');
    const std::string_view name = line.substr(0, blank);
    if (blank == std::string_view::npos || (name != "high" && name != "max")) continue;
    std::uint64_t count = 0;
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), count);
    sum += count;
  }
  return sum;
}

bool memory_pressure::check() noexcept {
  if (poll_ < 0) return false;
  bool is_short = false;
  epoll_event ready[2];
  const int count = epoll_wait(poll_, ready, 2, 0);
  for (int i = 0; i < count; ++i) {
    if (ready[i].data.fd == stalls_) {
      if ((ready[i].events & EPOLLERR) != 0)  // the cgroup has gone
        shut(stalls_);
      else
        is_short = true;
      continue;
    }
    char events[4096];
    while (read(events_, events, sizeof events) > 0) {
    }
    const std::uint64_t before = std::exchange(seen_, count_events());
    is_short |= before < seen_;
  }
  return is_short;
}

}  // namespace cistern::inline v0
