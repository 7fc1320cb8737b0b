// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0 {

/// Whether an object with room of its own (a buffer, a string, an arena) is worth keeping: the rule of Go's
/// encoding/json v2. Small ones always; larger ones when a quarter of their room was used; else their patience goes:
/// four such uses in a row are borne, at the fifth they leave. So a rare large use costs its memory for a while and not
/// for ever, and a program that needs large ones keeps them: no cliff.
///
/// For a keep hook: `bool keep(std::string& s, std::uint8_t& strikes) { return rule(s.size(), s.capacity(), strikes);
/// }`
struct keep_by_use {
  std::size_t always = 4096;     ///< bytes of room up to which one is kept
  std::size_t used_part = 4;     ///< one part in so many is enough
  std::uint8_t patience = 4;     ///< uses in a row with less that are borne
  std::size_t never = SIZE_MAX;  ///< bytes of room above which none is kept

  constexpr bool operator()(std::size_t used, std::size_t room, std::uint8_t& strikes) const noexcept {
    if (room > never) return false;
    if (room <= always || used >= room / used_part) {
      strikes = 0;
      return true;
    }
    if (strikes >= patience) return false;
    ++strikes;
    return true;
  }
};

/// A fixed cap, as encoding/json and fmt have one.
struct keep_up_to {
  std::size_t most = std::size_t{64} << 10;  ///< bytes of room

  constexpr bool operator()(std::size_t room) const noexcept { return room <= most; }
};

}  // namespace cistern::inline v0
