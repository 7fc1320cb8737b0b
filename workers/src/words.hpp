// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/source_site.hpp>

#include <exception>
#include <string>

namespace cistern::inline v0::detail {

/// What was thrown, for messages. Throws std::bad_alloc.
inline std::string in_words(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "not a std::exception";
  }
}

inline std::string in_words(const source_site& site) {
  if (site.line == 0) return "an unknown place";
  return std::string(site.file) + ':' + std::to_string(site.line);
}

}  // namespace cistern::inline v0::detail
