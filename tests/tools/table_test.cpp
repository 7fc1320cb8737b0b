// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using testing::HasSubstr;
using testing::Not;

table wide_table(int columns) {
  table made{.title = "ns per operation", .head = {"workload"}, .rows = {{{"glibc-simple/1600"}}}};
  for (int i = 0; i < columns; ++i) {
    made.head.push_back("contender-" + std::to_string(i));
    made.rows[0].push_back({std::to_string(i * 1000)});
  }
  return made;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(table, fits_the_width_by_splitting_into_blocks) {
  for (const int columns : {1, 5, 6, 7, 20}) {
    const std::string text = render(wide_table(columns), {.width = 100});
    EXPECT_LE(longest_line(text), 100u) << text;
    for (int i = 0; i < columns; ++i) EXPECT_THAT(text, HasSubstr("contender-" + std::to_string(i))) << text;
  }
}

TEST(table, begins_each_block_with_the_first_column) {
  const std::string text = render(wide_table(20), {.width = 100});
  std::size_t blocks = 0;
  for (std::size_t at = text.find("glibc-simple/1600"); at != std::string::npos;
       at = text.find("glibc-simple/1600", at + 1))
    ++blocks;
  EXPECT_EQ(blocks, 4u) << text;
}

TEST(table, puts_numbers_below_each_other_whether_or_not_they_are_best) {
  const table made{.title = "", .head = {"w", "glibc"}, .rows = {{{"a"}, {"12.5"}}, {{"b"}, {"9.5", true}}}};
  EXPECT_EQ(render(made, {.width = 100}), "w  glibc\na   12.5\nb    9.5*\n");
}

TEST(table, colours_the_best_only_when_asked) {
  const table made{.title = "t", .head = {"w", "g"}, .rows = {{{"a"}, {"1", true}}}};
  EXPECT_THAT(render(made, {.width = 100, .colours = true}), HasSubstr("\x1b[1;32m1*"));
  EXPECT_THAT(render(made, {.width = 100, .colours = false}), Not(HasSubstr("\x1b")));
}

TEST(table, cuts_text_at_the_end_of_a_line) {
  const table made{
      .title = "", .head = {"name", "what"}, .rows = {{{"a"}, {std::string(300, 'x')}}}, .text_at_end = true};
  const std::string text = render(made, {.width = 100});
  EXPECT_LE(longest_line(text), 100u);
  EXPECT_THAT(text, HasSubstr("xx..\n"));
}

TEST(table, cuts_a_first_column_that_would_leave_no_room) {
  const table made{.title = "", .head = {"name", "g"}, .rows = {{{std::string(300, 'x')}, {"12"}}}};
  EXPECT_LE(longest_line(render(made, {.width = 60})), 60u);
}

TEST(table, breaks_a_title_that_is_too_long) {
  std::string title = "a title";
  for (int i = 0; i < 20; ++i) title += " of many words";
  const std::string text = render({.title = title, .head = {"w", "g"}, .rows = {{{"a"}, {"1"}}}}, {.width = 80});
  EXPECT_LE(longest_line(text), 80u);
}

TEST(table, leaves_a_hole_where_a_row_is_short) {
  const table made{.title = "", .head = {"w", "g", "j"}, .rows = {{{"a"}, {"1"}}}};
  EXPECT_EQ(render(made, {.width = 100}), "w  g   j\na  1\n");
}

}  // namespace
}  // namespace cistern::compare
