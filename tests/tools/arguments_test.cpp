// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include "bad_input.hpp"

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

command parse(std::vector<const char*> words) {
  words.insert(words.begin(), "cistern");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

compare_options options(std::vector<const char*> words) {
  words.insert(words.begin(), "compare");
  return std::get<compare_options>(parse(std::move(words)));
}

std::string error(std::vector<const char*> words) {
  try {
    parse(std::move(words));
  } catch (const bad_input& bad) {
    return bad.what();
  }
  return "accepted";
}

TEST(arguments, default_to_the_quick_set_with_everything_chosen_later) {
  const compare_options chosen = options({});
  EXPECT_FALSE(chosen.full || chosen.list || chosen.programs_only || chosen.rounds);
  EXPECT_TRUE(chosen.workloads.empty() && chosen.contenders.empty() && chosen.threads.empty() &&
              chosen.programs.empty());
}

TEST(arguments, take_several_names_in_one_go_and_again) {
  const compare_options chosen =
      options({"--workload", "pair", "larson", "--contender", "glibc", "--workload", "memory"});
  EXPECT_THAT(chosen.workloads, ElementsAre("pair", "larson", "memory"));
  EXPECT_THAT(chosen.contenders, ElementsAre("glibc"));
}

TEST(arguments, take_a_list_of_threads_each_once_in_order) {
  EXPECT_THAT(options({"--threads", "4,1,2,2"}).threads, ElementsAre(1, 2, 4));
}

TEST(arguments, leave_everything_after_the_dashes_to_the_program) {
  const compare_options chosen = options({"--rounds", "2", "--", "/usr/bin/jq", "--rounds", "x", "--"});
  EXPECT_EQ(chosen.rounds, 2);
  EXPECT_TRUE(chosen.programs_only);
  ASSERT_EQ(chosen.programs.size(), 1u);
  EXPECT_EQ(chosen.programs[0].name, "jq");
  EXPECT_THAT(chosen.programs[0].command, ElementsAre("/usr/bin/jq", "--rounds", "x", "--"));
}

TEST(arguments, take_named_programs_beside_the_workloads) {
  const compare_options chosen = options({"--program", "sort lines=sort -n 'a file'", "--program", "ls=ls"});
  EXPECT_FALSE(chosen.programs_only);
  ASSERT_EQ(chosen.programs.size(), 2u);
  EXPECT_EQ(chosen.programs[0].name, "sort lines");
  EXPECT_THAT(chosen.programs[0].command, ElementsAre("sort", "-n", "a file"));
}

TEST(arguments, refuse_numbers_out_of_range_with_the_range) {
  for (const char* bad : {"0", "-1", "1.5", "", "many", "99999999999999", "1 "})
    EXPECT_THAT(error({"compare", "--rounds", bad, "--list"}), AllOf(HasSubstr("--rounds"), Not(HasSubstr("\n"))));
  for (const char* bad : {"0", "1,0", "1,,2", "1,", ",", "2,x", "2000"})
    EXPECT_THAT(error({"compare", "--threads", bad}), HasSubstr("--threads takes a whole number from 1 to 1024"));
}

TEST(arguments, name_the_option_that_was_meant) {
  EXPECT_EQ(error({"compare", "--contendr", "glibc"}), "unknown option --contendr; nearest: --contender");
  EXPECT_THAT(error({"compare", "--frobnicate"}), HasSubstr("cistern compare --help"));
}

TEST(arguments, tell_where_a_program_goes) {
  EXPECT_EQ(error({"compare", "ls"}), "unexpected \"ls\"; a program goes after --: cistern compare -- ls");
  EXPECT_THAT(error({"compare", "--"}), HasSubstr("no program after --"));
  EXPECT_THAT(error({"compare", "--workload", "pair", "--", "ls"}), HasSubstr("--program"));
}

TEST(arguments, refuse_a_named_program_without_a_name_or_a_command) {
  for (const char* bad : {"ls", "=ls", "ls=", "ls=  "})
    EXPECT_THAT(error({"compare", "--program", bad}), HasSubstr("--program"));
  EXPECT_THAT(error({"compare", "--program", "ls=ls 'a"}), HasSubstr("not closed"));
  EXPECT_THAT(error({"compare", "--program", "ls=ls > file"}), HasSubstr("sh -c"));
}

TEST(arguments, refuse_what_is_no_command) {
  EXPECT_THAT(error({}), HasSubstr("nothing to do"));
  EXPECT_THAT(error({"compair"}), HasSubstr("unknown command compair"));
  EXPECT_THAT(error({"compare", "--quick", "--full"}), HasSubstr("exclude"));
}

TEST(arguments, read_a_cell_as_its_parent_writes_it) {
  const auto cell = std::get<perf::cell_request>(parse(
      {"cell", "--workload", "pair/64", "--contender", "glibc-tuned", "--threads", "2", "--budget-ms", "7", "--full"}));
  EXPECT_EQ(cell.workload, "pair/64");
  EXPECT_EQ(cell.contender, "glibc-tuned");
  EXPECT_EQ(cell.threads, 2);
  EXPECT_EQ(cell.budget.count(), 7);
  EXPECT_TRUE(cell.full);
}

}  // namespace
}  // namespace cistern::compare
