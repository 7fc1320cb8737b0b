// SPDX-License-Identifier: MIT
#include "object_sites.hpp"

#include <algorithm>
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
    const auto is_here = [&](const auto& other) { return same(each->second, other.second); };
    if (std::find_if(sites_.begin(), each, is_here) != each) continue;  // that one is said
    const auto times = std::count_if(each, sites_.end(), is_here);
    const auto size = static_cast<std::size_t>(
        times == 1
            ? std::snprintf(line, room, "%s%s:%u", before, each->second.file, each->second.line)
            : std::snprintf(line, room, "%s%s:%u (%td times)", before, each->second.file, each->second.line, times));
    if (size >= room) return;
    line += size;
    room -= size;
    before = ", ";
  }
}

}  // namespace cistern::inline v0::detail
