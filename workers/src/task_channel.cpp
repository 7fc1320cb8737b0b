// SPDX-License-Identifier: MIT
#include <cistern/allocators/fatal.hpp>
#include <cistern/workers/task_channel.hpp>

#include <cstdio>

namespace cistern::inline v0::detail {

void warn_of_unread(std::size_t values, const char* function) noexcept {
  char line[256];
  std::snprintf(line, sizeof line, "%zu values that nobody has read are lost with their channel: %s", values, function);
  warn(line);
}

}  // namespace cistern::inline v0::detail
