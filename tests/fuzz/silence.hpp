// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace cistern::fuzz {

/// Nothing is written to standard error while it lives: what a pool says of blocks that are out as it ends is right.
class silence {
 public:
  silence() : stderr_(dup(STDERR_FILENO)) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
  }
  ~silence() {
    dup2(stderr_, STDERR_FILENO);
    close(stderr_);
  }
  silence(const silence&) = delete;
  silence& operator=(const silence&) = delete;

 private:
  int stderr_;
};

}  // namespace cistern::fuzz
