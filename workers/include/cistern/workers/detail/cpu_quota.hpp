// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <optional>
#include <string>

namespace cistern::inline v0::detail {

/// The CPU quota of a control group in processors, 1.5 for instance, as the files under `mount` tell it, taking the
/// smallest on the way from the group to the root; nothing when there is no limit. `membership` is the text of
/// /proc/self/cgroup, `mount` normally /sys/fs/cgroup. Understands versions 1 and 2.
CISTERN_EXPORT std::optional<double> cpu_quota(const std::string& membership, const std::string& mount);

}  // namespace cistern::inline v0::detail
