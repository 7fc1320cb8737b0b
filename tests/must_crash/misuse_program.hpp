// SPDX-License-Identifier: MIT
#pragma once

// A program of misuses, each by its name: `must_crash_pools put_twice`. It happens in a child, whose line on standard
// error comes first; the parent adds how it ended. CMakeLists.txt holds what must be said.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

namespace cistern::must_crash {

struct misuse {
  std::string_view name;
  void (*happens)();
};

inline int run(std::span<const misuse> misuses, int argc, char** argv) {
  const auto found = std::ranges::find(misuses, argc > 1 ? argv[1] : "", &misuse::name);
  if (found == misuses.end()) return 2;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    found->happens();
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 2;
  if (WIFSIGNALED(status))
    std::fprintf(stderr, "ended by %s\n", WTERMSIG(status) == SIGABRT ? "abort" : strsignal(WTERMSIG(status)));
  else
    std::fprintf(stderr, "went on, and exited with %d\n", WEXITSTATUS(status));
  return 0;
}

}  // namespace cistern::must_crash

#define CISTERN_MISUSE(name) \
  ::cistern::must_crash::misuse { #name, name }
