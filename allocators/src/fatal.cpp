// SPDX-License-Identifier: MIT
#include <cistern/allocators/fatal.hpp>

#include <cstdlib>
#include <cstring>

#include <sys/uio.h>
#include <unistd.h>

namespace cistern::inline v0::detail {

void warn(const char* message) noexcept {
  const auto part = [](const char* text) { return iovec{const_cast<char*>(text), std::strlen(text)}; };
  const iovec line[] = {part("cistern: "), part(message), part("\n")};  // in one call: lines of two threads do not mix
  [[maybe_unused]] const ssize_t written = writev(STDERR_FILENO, line, 3);
}

void fatal(const char* message) noexcept {
  warn(message);
  std::abort();
}

}  // namespace cistern::inline v0::detail
