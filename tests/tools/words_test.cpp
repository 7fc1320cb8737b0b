// SPDX-License-Identifier: MIT
#include "words.hpp"

#include "bad_input.hpp"
#include "nearest_name.hpp"
#include "quantity.hpp"

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(split_words, splits_as_a_shell_does) {
  EXPECT_THAT(split_words("  a  bc\td "), ElementsAre("a", "bc", "d"));
  EXPECT_THAT(split_words("a 'b  c' \"d e\"f"), ElementsAre("a", "b  c", "d ef"));
  EXPECT_THAT(split_words(R"(a\ b "c\"d" 'e\f')"), ElementsAre("a b", "c\"d", "e\\f"));
  EXPECT_THAT(split_words("a '' b"), ElementsAre("a", "", "b"));
  EXPECT_THAT(split_words(""), IsEmpty());
}

TEST(split_words, refuses_what_only_a_shell_can_do) {
  for (const char* line : {"a | b", "a > b", "a; b", "a &", "a < b"})
    EXPECT_THROW(split_words(line), bad_input) << line;
  EXPECT_THAT(split_words("a '|' \\> \";\""), ElementsAre("a", "|", ">", ";"));
  EXPECT_THROW(split_words("a \"b"), bad_input);
}

TEST(last_line, passes_over_blank_lines_and_control_characters) {
  EXPECT_EQ(last_line("first\nsecond\tpart \n\n"), "second part");
  EXPECT_EQ(last_line("\n \n"), "");
  EXPECT_EQ(last_line("only"), "only");
  EXPECT_EQ(last_line(std::string(500, 'x')).size(), 200u);
}

TEST(listed, writes_names_as_in_a_sentence) {
  EXPECT_EQ(listed(std::vector<std::string>{}), "");
  EXPECT_EQ(listed(std::vector<std::string>{"a"}), "a");
  EXPECT_EQ(listed(std::vector<std::string>{"a", "b", "c"}, "or"), "a, b or c");
}

TEST(nearest_names, finds_slips_and_parts_the_likeliest_first) {
  const std::vector<std::string> known{"jemalloc", "mimalloc", "tcmalloc", "glibc", "glibc-tuned"};
  EXPECT_THAT(nearest_names("jemaloc", known), ElementsAre("jemalloc"));
  EXPECT_THAT(nearest_names("tuned", known), ElementsAre("glibc-tuned"));
  EXPECT_THAT(nearest_names("malloc", known).size(), 3u);
  EXPECT_THAT(nearest_names("hoard", known), IsEmpty());
}

TEST(unknown_name, lists_all_when_nothing_is_near_and_there_are_few) {
  EXPECT_EQ(unknown_name("contender", "hoard", {"glibc", "tbb"}),
            "unknown contender \"hoard\"; there are: glibc and tbb");
  EXPECT_THAT(unknown_name("workload", "zzz", std::vector<std::string>(30, "abcdefgh")), HasSubstr("--list"));
}

TEST(quantities, have_three_digits_or_so) {
  EXPECT_EQ(nanoseconds_text(2.944), "2.94");
  EXPECT_EQ(nanoseconds_text(29.44), "29.4");
  EXPECT_EQ(nanoseconds_text(29437), "29437");
  EXPECT_EQ(seconds_text(0.0344), "0.0344");
  EXPECT_EQ(seconds_text(0.002134), "0.0021");  // else short programs would all look alike
  EXPECT_EQ(seconds_text(0), "0.000");
  EXPECT_EQ(seconds_text(1.2345), "1.23");
  EXPECT_EQ(mebibytes_text(1040.0 * 1024 * 1024), "1040");
  EXPECT_EQ(millions_text(12'340'000), "12.3");
  EXPECT_EQ(ratio_text(1.07), "1.07");
  EXPECT_EQ(ratio_text(2.14), "2.1");
}

TEST(quantities, write_a_duration_as_a_clock_does) {
  EXPECT_EQ(duration_text(7.4), "0:07");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(3723), "1:02:03");
  EXPECT_EQ(duration_text(-1), "0:00");
}

}  // namespace
}  // namespace cistern::compare
