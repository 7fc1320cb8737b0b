// SPDX-License-Identifier: MIT
#include "report.hpp"

#include "page_parts.hpp"

#include <stdexcept>
#include <string_view>

namespace cistern::report {

namespace {

/// JSON that can stand in a script element: `<` could end it or open a comment, and U+2028 and U+2029 (E2 80 A8 and
/// E2 80 A9) are ends of line to older engines. In valid JSON all three stand in strings only, where escapes are legal.
std::string for_script_element(std::string_view json) {
  std::string safe;
  safe.reserve(json.size() + json.size() / 64);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string_view rest = json.substr(i);
    if (rest.front() == '<') {
      safe += "\\u003c";
    } else if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      safe += rest[2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      safe += rest.front();
    }
  }
  return safe;
}

std::string part(std::string_view name, const std::string& document) {
  if (name == "document") return document;
  for (const page_part& one : page_parts()) {
    if (one.name == name) return std::string(one.text);
  }
  throw std::logic_error("the page's template names a part that was not built in: " + std::string(name));
}

}  // namespace

bool available() { return !page_parts().empty(); }

std::string render(const std::string& json_document) {
  if (!available()) {
    throw std::logic_error(
        "this cistern was built without the charting library of the report: run `npm ci` in tools/report, configure "
        "and build again");
  }
  constexpr std::string_view open = "{{", close = "}}";
  const std::string document = for_script_element(json_document);
  const std::string page = part("page.html", document);
  std::string_view left = page;
  std::string made;
  for (auto at = left.find(open); at != left.npos; at = left.find(open)) {
    const auto end = left.find(close, at);
    made += left.substr(0, at);
    made += part(left.substr(at + open.size(), end - at - open.size()), document);
    left.remove_prefix(end + close.size());
  }
  return made += left;
}

}  // namespace cistern::report
