// SPDX-License-Identifier: MIT
// What the code under test links against where the real thing is no code to be scheduled: the kernel's barrier, and a
// thread.
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <schedules/hooks.hpp>

namespace cistern::inline v0 {

// Memory is sequentially consistent here, so that the fences order nothing; light pins are what most machines have.
constinit bool asymmetric_fence::is_light = true;

bool asymmetric_fence::heavy_fence() noexcept {
  schedules::detail::scheduling_point("heavy fence", nullptr);
  return true;
}

constinit sync::atomic<std::uint32_t> background_reclaimer::current_state{disabled};

void background_reclaimer::wake_slow() noexcept {}

}  // namespace cistern::inline v0
