// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cistern::inline v0::detail {

/// A string for JSON and for Prometheus' labels, which escape the same; without other control characters.
inline std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char each : text) {
    if (each == '"' || each == '\\') result += '\\';
    if (each == '\n') result += "\\n";
    if (static_cast<unsigned char>(each) >= ' ') result += each;
  }
  return result + '"';
}

/// A number in a struct of statistics, by its name.
template <class Statistics>
struct named_number {
  const char* name;
  const char* help;
  std::uint64_t (*of)(const Statistics& statistics);
  bool counts;  // only ever grows

  /// Its name in Prometheus' format, after the prefix of its kind.
  std::string series(const char* prefix) const { return std::string(prefix) + name + (counts ? "_total" : ""); }
};

/// " name number" for each.
template <class Statistics, std::size_t N>
void append_words(std::string& text, const named_number<Statistics> (&numbers)[N], const Statistics& statistics) {
  for (const auto& each : numbers) text += std::string(" ") + each.name + ' ' + std::to_string(each.of(statistics));
}

/// ",\"name\":number" for each.
template <class Statistics, std::size_t N>
void append_json(std::string& text, const named_number<Statistics> (&numbers)[N], const Statistics& statistics) {
  for (const auto& each : numbers) text += std::string(",\"") + each.name + "\":" + std::to_string(each.of(statistics));
}

template <class Statistics>
void append_head(std::string& text, const named_number<Statistics>& of, const std::string& series) {
  text += "# HELP " + series + ' ' + of.help + "\n# TYPE " + series + (of.counts ? " counter\n" : " gauge\n");
}

}  // namespace cistern::inline v0::detail
