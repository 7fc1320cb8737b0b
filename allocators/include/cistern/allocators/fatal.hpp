// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

namespace cistern::inline v0::detail {

/// Ends the program by abort() after one line on standard error, "cistern: " and the message: for misuse that must not
/// go on in any build. Allocates nothing and takes no lock.
[[noreturn, gnu::cold]] CISTERN_EXPORT void fatal(const char* message) noexcept;

/// The line alone: for what must not be silent, but may go on.
CISTERN_EXPORT void warn(const char* message) noexcept;

}  // namespace cistern::inline v0::detail
