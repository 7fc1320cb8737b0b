// SPDX-License-Identifier: MIT
#include "nearest_name.hpp"

#include "words.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

// Levenshtein's distance, one row at a time.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view wrong, const std::vector<std::string>& known) {
  const std::size_t near = std::max<std::size_t>(2, wrong.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const std::string& name : known) {
    const bool part = wrong.size() >= 3 && name.find(wrong) != std::string::npos;
    const std::size_t edits = part ? 1 : edits_between(wrong, name);
    if (edits <= near && edits < name.size()) found.emplace_back(edits, name);
  }
  std::ranges::stable_sort(found, {}, [](const auto& candidate) { return candidate.first; });
  std::vector<std::string> names;
  for (auto& [edits, name] : found)
    if (names.size() < 3 && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  return names;
}

std::string unknown_name(std::string_view what, std::string_view wrong, const std::vector<std::string>& known) {
  constexpr std::size_t few = 12;
  std::string line = fmt::format("unknown {} \"{}\"; ", what, wrong);
  if (const auto near = nearest_names(wrong, known); !near.empty()) return line + "nearest: " + listed(near, "or");
  if (known.size() <= few) return line + "there are: " + listed(known);
  return line + "cistern compare --list names them all";
}

}  // namespace cistern::compare
