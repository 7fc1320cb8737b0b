// SPDX-License-Identifier: MIT
#include "descendants.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

// "123 (name) S 1 ...": the name may hold anything, so the last parenthesis counts. -1 when the process has gone.
pid_t parent_of(const std::filesystem::path& process) {
  std::ifstream file(process / "stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(") ");
  pid_t parent = -1;
  constexpr std::size_t to_parent = 4;  // ") S "
  if (name_end != std::string::npos && name_end + to_parent < text.size())
    std::from_chars(text.data() + name_end + to_parent, text.data() + text.size(), parent);
  return parent;
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t id = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), id).ptr != name.data() + name.size()) continue;
    if (parent_of(entry.path()) == getpid()) found.push_back(id);
  }
  return found;
}

}  // namespace

descendants::descendants() : earlier_(children()) { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void descendants::kill_all() const {
  std::vector<pid_t> spared = earlier_;
  const auto is_spared = [&](pid_t id) { return std::ranges::find(spared, id) != spared.end(); };
  for (;;) {
    std::vector<pid_t> left = children();
    std::erase_if(left, is_spared);
    if (left.empty()) return;
    for (const pid_t id : left) {
      // One that has become another user's stays, rather than that we wait for it.
      if (kill(id, SIGKILL) != 0) spared.push_back(id);
      while (!is_spared(id) && waitpid(id, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
}

}  // namespace cistern::compare
