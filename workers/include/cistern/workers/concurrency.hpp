// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

namespace cistern::inline v0 {

/// How many threads this process can really run at once: at least 1.
///
/// The processors of its affinity mask, and no more than the CPU quota of its control group rounded up (a container
/// with `cpus: 1.5` answers 2 on a machine of 64, where std::thread::hardware_concurrency() answers 64). The default
/// number of workers, and of threads in `cistern compare`.
///
/// Reads the mask and the quota anew at each call, so keep the answer; some tens of microseconds. Any thread. What
/// cannot be read limits nothing.
CISTERN_EXPORT int available_concurrency();

}  // namespace cistern::inline v0
