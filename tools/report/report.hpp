// SPDX-License-Identifier: MIT
#pragma once

#include <string>

/// The page of `cistern compare --html`: a result document, the charts and the charting library in one file that
/// needs no network. Both functions are safe from any thread.
namespace cistern::report {

/// Whether the charting library was there when cistern was built (`npm ci` in tools/report).
bool available();

/// The page for a result document of schema 1. The document is carried along, not read: what is wrong with it is said
/// by the page. Throws std::logic_error where available() is false.
std::string render(const std::string& json_document);

}  // namespace cistern::report
