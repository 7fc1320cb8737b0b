// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace cistern::inline v0::detail {

class pool_state;

/// All pools of the process, to find one by its number or its name. Any thread, at any time.
struct pool_list {
  static void add(pool_state& pool) noexcept;
  static void remove(pool_state& pool) noexcept;
  /// Copies the name of the pool with this number; false when there is none any more.
  static bool name_of(std::uint32_t number, char (&name)[32]) noexcept;
  /// Calls f(pool, context) for each, with the list locked.
  static void for_each(void (*f)(pool_state& pool, void* context), void* context);
};

}  // namespace cistern::inline v0::detail
