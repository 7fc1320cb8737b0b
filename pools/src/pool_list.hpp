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
  /// What for_each() finds as `face` of a pool: its bucket_pool, from when it is made until its destructor.
  static void set_face(pool_state& pool, void* face) noexcept;
  /// Copies the name of the pool with this number; false when there is none any more.
  static bool name_of(std::uint32_t number, char (&name)[32]) noexcept;
  /// The same for the pool that has a block of no class where this address is.
  static bool name_of_large(const void* block, char (&name)[32]) noexcept;
  /// Visits pools that have ended (see pool_state::visit()); so does each tick of the process' clock. True when it is
  /// worth while to do so again.
  static bool visit_ended() noexcept;
  /// Calls f(pool, context) for each, with the list locked.
  static void for_each(void (*f)(pool_state& pool, void* context), void* context);
};

}  // namespace cistern::inline v0::detail
