// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace cistern::compare {

struct table_cell {
  std::string text;
  bool best = false;  ///< marked with a star, and in bold green where there are colours
};

/// A table for the terminal: the first column to the left, the others to the right.
struct table {
  std::string title;
  std::vector<std::string> head;  ///< one for each column
  std::vector<std::vector<table_cell>> rows;
  bool text_at_end = false;  ///< the last column is text: to the left, and cut when it is too long
};

struct table_style {
  int width = 100;
  bool colours = false;
};

/// The table in lines of at most `width` characters. Columns that do not fit follow in further blocks, which begin with
/// the first column again.
std::string render(const table& table, const table_style& style);

}  // namespace cistern::compare
