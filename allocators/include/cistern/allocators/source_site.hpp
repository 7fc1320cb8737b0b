// SPDX-License-Identifier: MIT
#pragma once

namespace cistern::inline v0 {

/// A place in the source: std::source_location for compilers that lack it (clang 14 with libstdc++), without the
/// column. As a default argument, `source_site site = source_site::current()` is the place of the call. The strings
/// live as long as the program's code.
struct source_site {
  const char* file = "";
  unsigned line = 0;  ///< 0 for no place
  const char* function = "";

  static constexpr source_site current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE(),
                                       const char* function = __builtin_FUNCTION()) noexcept {
    return {file, line, function};
  }
};

}  // namespace cistern::inline v0
