// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <sys/types.h>

namespace cistern::compare {

/// The processes that a program leaves behind. While one exists, this process is the subreaper: a process whose parent
/// has ended becomes our child, wherever it has hidden from its group (setsid, a daemon's second fork). Not for two
/// programs at a time: it cannot tell whose a process is.
class descendants {
 public:
  /// Takes note of the children that there are already; they are none of the program's.
  descendants();

  /// Kills all others, and those that come to us by that, until there are none.
  void kill_all() const;

 private:
  std::vector<pid_t> earlier_;
};

}  // namespace cistern::compare
