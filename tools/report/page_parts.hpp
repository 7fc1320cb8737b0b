// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace cistern::report {

/// A file of the page, as it was when cistern was built.
struct page_part {
  std::string_view name;  ///< as the template names it
  std::string_view text;
};

/// All of them, or none where the charting library was absent.
std::span<const page_part> page_parts();

}  // namespace cistern::report
