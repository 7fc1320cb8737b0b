// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cistern::compare {

/// "a", "a and b", "a, b and c".
std::string listed(std::span<const std::string> names, std::string_view last = "and");

/// The words of a command line, split as a shell splits them: blanks, '...', "..." and \ before any character. Nothing
/// is expanded. Throws bad_input on an open quote, and on an unquoted | & ; < >, which only a shell can serve.
std::vector<std::string> split_words(std::string_view line);

/// The text with a blank for every control character, so that it cannot disturb a terminal.
std::string printable(std::string text);

/// Breaks a line between words where it is longer than `width`, with the lines that follow set in.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);

/// The last line that is not blank, without control characters, cut to `limit` bytes.
std::string last_line(std::string_view text, std::size_t limit = 200);

}  // namespace cistern::compare
