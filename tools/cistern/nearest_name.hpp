// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cistern::compare {

/// Up to three of `known` that the writer of `wrong` may have meant, the likeliest first: those it is a part of, and
/// those within a few edits. Empty when none is near.
std::vector<std::string> nearest_names(std::string_view wrong, const std::vector<std::string>& known);

/// One line for an unknown name: the nearest known ones, or all when there are few, or else where to find them.
/// `what` is the sort of thing, as in "workload".
std::string unknown_name(std::string_view what, std::string_view wrong, const std::vector<std::string>& known);

}  // namespace cistern::compare
