// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/catalogue.hpp>
#include <workloads/workloads.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace cistern::perf {

/// What a contender can do, where it is not everything.
struct abilities {
  bool frees_elsewhere = true;  ///< a block may be freed by another thread, or outlive the thread that got it
  bool mixed_sizes = true;
  bool frees_singly = true;  ///< memory comes back without all blocks being freed together
  std::size_t smallest = 0;  ///< bytes; smaller blocks make no sense
};

/// Whether any workload of the shape is for the contender: what does not fit is not compiled.
constexpr bool fits(const demands& wants, const abilities& can) noexcept {
  return (can.frees_elsewhere || !wants.frees_elsewhere) && (can.mixed_sizes || !wants.mixed_sizes) &&
         (can.frees_singly || !wants.frees_singly) && (can.smallest < every_page || !wants.small_blocks);
}

struct contender_entry {
  contender_info info;
  abilities can;
  std::string_view tunables;  ///< what GLIBC_TUNABLES must hold
  std::unique_ptr<activity> (*make)(const stage&, observer*);
};

void add_contender(contender_entry entry);
void remove_contender(std::string_view name);

/// Throws std::invalid_argument, with a list, when there is none.
const contender_entry& find_contender(std::string_view name);

}  // namespace cistern::perf
