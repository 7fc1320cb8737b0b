// SPDX-License-Identifier: MIT
// What the code under test links against where the real thing is no code to be scheduled: the kernel's barrier, a
// thread, backends, and the end of the program, which here is the end of a schedule.
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/fatal.hpp>
#include <schedules/engine.hpp>
#include <schedules/hooks.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace cistern::inline v0 {

// Memory is sequentially consistent here, so that the fences order nothing; light pins are what most machines have.
constinit bool asymmetric_fence::is_light = true;

bool asymmetric_fence::heavy_fence() noexcept {
  schedules::detail::scheduling_point("heavy fence", nullptr);
  return true;
}

constinit sync::atomic<std::uint32_t> background_reclaimer::current_state{disabled};

void background_reclaimer::wake_slow() noexcept {}

// Every pool here has an upstream of the test's own.
backend_resource& backend(std::string_view) { std::abort(); }
backend_resource& default_backend() { std::abort(); }

namespace detail {

void warn(const char*) noexcept {}

void fatal(const char* message) noexcept {
  if (schedules::engine::active != nullptr) schedules::engine::active->fail(std::string("fatal: ") + message);
  std::fputs(message, stderr);
  std::abort();
}

}  // namespace detail

}  // namespace cistern::inline v0
