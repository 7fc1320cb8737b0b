// SPDX-License-Identifier: MIT
#pragma once

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

inline void prometheus_head(std::string& text, const std::string& name, const char* help, bool counts) {
  text += "# HELP " + name + ' ' + help + "\n# TYPE " + name + (counts ? " counter\n" : " gauge\n");
}

}  // namespace cistern::inline v0::detail
