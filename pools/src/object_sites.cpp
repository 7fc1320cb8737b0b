// SPDX-License-Identifier: MIT
#include "object_sites.hpp"

#include <cstdio>
#include <cstring>
#include <mutex>

namespace cistern::inline v0::detail {

void object_store::site_table::record(const void* cell, const source_site& from) {
  const std::scoped_lock lock(lock_);
  sites_.insert_or_assign(cell, from);
}

void object_store::site_table::forget(const void* cell) noexcept {
  const std::scoped_lock lock(lock_);
  sites_.erase(cell);
}

void object_store::site_table::say(char* line, std::size_t room) noexcept {
  const std::scoped_lock lock(lock_);
  const auto same = [](const source_site& a, const source_site& b) {
    return a.line == b.line && std::strcmp(a.file, b.file) == 0;
  };
  const char* before = "; taken at ";
  for (auto each = sites_.begin(); each != sites_.end(); ++each) {
    std::size_t times = 0;
    bool said = false;
    for (auto other = sites_.begin(); other != sites_.end(); ++other) {
      if (!same(each->second, other->second)) continue;
      said = said || (times == 0 && other != each);
      ++times;
    }
    if (said) continue;
    const auto size = static_cast<std::size_t>(
        times == 1
            ? std::snprintf(line, room, "%s%s:%u", before, each->second.file, each->second.line)
            : std::snprintf(line, room, "%s%s:%u (%zu times)", before, each->second.file, each->second.line, times));
    if (size >= room) return;
    line += size;
    room -= size;
    before = ", ";
  }
}

}  // namespace cistern::inline v0::detail
