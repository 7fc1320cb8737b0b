// SPDX-License-Identifier: MIT
#pragma once

// Needs {fmt}, of version 8 or later; empty without it.
#if __has_include(<fmt/format.h>)

#include <cistern/pools/byte_buffer.hpp>

#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace cistern::inline v0 {

/// Appends the formatted text, written straight into the buffer's room; where that is too small, once more into enough.
/// So a formatter must write the same each time. Faster than fmt::format_to(std::back_inserter(buffer), ...), which
/// works, too. Throws fmt::format_error, and what append() throws; nothing is appended then.
inline void vformat_to(byte_buffer& to, fmt::string_view format, fmt::format_args arguments) {
  for (;;) {
    const std::size_t room = to.room();
    char* const at = reinterpret_cast<char*>(to.data() + to.size());
    const std::size_t written = fmt::vformat_to_n(at, room, format, arguments).size;
    if (written <= room) return to.commit(written);
    static_cast<void>(to.prepare(written));
  }
}

template <class... Arguments>
void format_to(byte_buffer& to, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  vformat_to(to, format, fmt::make_format_args(arguments...));
}

}  // namespace cistern::inline v0

#endif
