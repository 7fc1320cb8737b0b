// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_domain.hpp>
#include <schedules/scheduler.hpp>

#include <cstdint>

namespace cistern::schedules {

/// What is retired in a schedule: it says whether it was deleted, and how often, and is never freed.
struct thing {
  unsigned deleted = 0;

  static void remove(void* object, void*) noexcept { ++static_cast<thing*>(object)->deleted; }
  static void remove_all(void*, void** objects, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) remove(objects[i], nullptr);
  }
  void retire_in(epoch_domain& domain) { domain.retire(this, remove, nullptr, sizeof(thing)); }
};

/// No ticks but the test's own, and an epoch that wraps soon.
inline epoch_options without_ticks() {
  // Made here and not in a fibre: nobody else could run while one is in the middle of a static's initialisation.
  (void)epoch_domain::default_domain();
  return {.clock = nullptr, .background = false, .first_epoch = (std::uint64_t{1} << 48) - 2};
}

}  // namespace cistern::schedules
