// SPDX-License-Identifier: MIT
//
// The registration runs before main and before other static constructors: the first membarrier registration of a
// process with several threads stalls it for milliseconds, and one with a single thread does not.
#include <cistern/allocators/asymmetric_fence.hpp>

#include <cstdint>
#include <cstdlib>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cistern::inline v0 {

constinit bool asymmetric_fence::is_light = false;

namespace {

long membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0); }

bool register_this_process() noexcept {
  const char* const refused = std::getenv("CISTERN_NO_MEMBARRIER");
  if (CISTERN_TSAN || (refused != nullptr && *refused == '1')) return false;
  const long offered = membarrier(MEMBARRIER_CMD_QUERY);
  return offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
         membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

}  // namespace

struct asymmetric_fence_registration {
  asymmetric_fence_registration() noexcept { asymmetric_fence::is_light = register_this_process(); }
};

namespace {
[[gnu::init_priority(101)]] const asymmetric_fence_registration registration;
}

bool asymmetric_fence::heavy_fence() noexcept {
  if (is_light) return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
  static constinit sync::atomic<std::uint32_t> nothing{0};
  sync::fence_then_load(nothing);
  return true;
}

}  // namespace cistern::inline v0
