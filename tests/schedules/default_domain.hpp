// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_domain.hpp>

namespace cistern::schedules {

/// What epoch_domain::default_domain() is in the schedule that runs, where it has one of its own: one that lives on has
/// slots of schedules that failed. nullptr: the process's.
inline epoch_domain* default_domain = nullptr;

inline epoch_domain& default_domain_or(epoch_domain& of_process) noexcept {
  return default_domain != nullptr ? *default_domain : of_process;
}

}  // namespace cistern::schedules
