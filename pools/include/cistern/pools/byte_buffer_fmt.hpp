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
/// So a formatter must write the same each time. Arguments may be parts of the buffer. Faster than
/// fmt::format_to(std::back_inserter(buffer), ...), which works, too. Throws fmt::format_error, and what append()
/// throws; nothing is appended then.
inline void vformat_to(byte_buffer& to, fmt::string_view format, fmt::format_args arguments) {
  const auto write = [&](byte_buffer& into) {
    const std::size_t room = into.room();
    char* const at = reinterpret_cast<char*>(into.data() + into.size());
    return fmt::vformat_to_n(at, room, format, arguments).size;
  };
  std::size_t needed = write(to);
  if (needed <= to.room()) return to.commit(needed);
  // Not by growing, for the arguments may lie in the buffer.
  byte_buffer behind;
  do {
    static_cast<void>(behind.prepare(needed));
    needed = write(behind);
  } while (needed > behind.room());
  behind.commit(needed);
  to.append(behind.span());
}

template <class... Arguments>
void format_to(byte_buffer& to, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  vformat_to(to, format, fmt::make_format_args(arguments...));
}

}  // namespace cistern::inline v0

#endif
