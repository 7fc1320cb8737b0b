// SPDX-License-Identifier: MIT
#include "table.hpp"

#include "words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

constexpr std::size_t gap = 2, star = 1;
constexpr const char *bold = "\x1b[1m", *bold_green = "\x1b[1;32m", *plain = "\x1b[0m";

class table_writer {
 public:
  table_writer(const table& table, const table_style& style)
      : table_(table), colours_(style.colours), width_(static_cast<std::size_t>(std::max(style.width, 20))) {
    for (std::size_t column = 0; column < table.head.size(); ++column) widths_.push_back(width_of(column));
    if (widths_.empty()) return;
    widths_[0] = std::min(widths_[0], width_ / 2);
    for (std::size_t column = 1; column < widths_.size(); ++column)
      widths_[column] = std::min(widths_[column], width_ - widths_[0] - gap);
  }

  std::string write() {
    if (!table_.title.empty()) text_ += painted(wrapped(table_.title, width_, 0), bold) + "\n";
    for (std::size_t first = 1; first < table_.head.size();) {
      const std::size_t last = end_of_block(first);
      if (first > 1) text_ += "\n";
      write_block(first, last);
      first = last;
    }
    return std::move(text_);
  }

 private:
  bool is_text(std::size_t column) const {
    return column == 0 || (table_.text_at_end && column + 1 == table_.head.size());
  }

  std::size_t width_of(std::size_t column) const {
    std::size_t width = table_.head[column].size();
    for (const auto& row : table_.rows)
      if (column < row.size()) width = std::max(width, row[column].text.size());
    return width + (is_text(column) ? 0 : star);
  }

  // One past the last column that fits beside the first one; at least one is taken. Text at the end is cut to fit.
  std::size_t end_of_block(std::size_t first) {
    constexpr std::size_t least_text = 20;
    std::size_t used = widths_[0], last = first;
    for (; last < widths_.size(); ++last) {
      const std::size_t room = used + gap < width_ ? width_ - used - gap : 0;
      if (is_text(last) && room >= least_text) widths_[last] = std::min(widths_[last], room);
      if (widths_[last] > room && last > first) break;
      used += gap + widths_[last];
    }
    return last;
  }

  std::string painted(const std::string& text, const char* paint) const {
    return colours_ ? paint + text + plain : text;
  }

  // The text in its column; the star of the best stands where the others have a blank.
  std::string placed(const table_cell& cell, std::size_t column) const {
    const std::size_t width = widths_[column];
    std::string text = cell.text;
    const std::size_t room = width - (is_text(column) ? 0 : star);
    if (text.size() > room) text = text.substr(0, room >= 2 ? room - 2 : 0) + "..";
    if (is_text(column)) return fmt::format("{:<{}}", text, width);
    const std::string padding(room - std::min(room, text.size()), ' ');
    return padding + (cell.best ? painted(text + "*", bold_green) : text + " ");
  }

  void write_line(const std::vector<table_cell>& cells, std::size_t first, std::size_t last) {
    std::string line = placed(cells.front(), 0);
    for (std::size_t column = first; column < last; ++column)
      line += std::string(gap, ' ') + placed(column < cells.size() ? cells[column] : table_cell{}, column);
    line.erase(line.find_last_not_of(' ') + 1);
    text_ += line + "\n";
  }

  void write_block(std::size_t first, std::size_t last) {
    std::vector<table_cell> head;
    for (const std::string& name : table_.head) head.push_back({name});
    write_line(head, first, last);
    for (const auto& row : table_.rows) write_line(row, first, last);
  }

  const table& table_;
  const bool colours_;
  const std::size_t width_;
  std::vector<std::size_t> widths_;
  std::string text_;
};

}  // namespace

std::string render(const table& table, const table_style& style) { return table_writer(table, style).write(); }

}  // namespace cistern::compare
