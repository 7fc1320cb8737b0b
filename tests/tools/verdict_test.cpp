// SPDX-License-Identifier: MIT
#include "verdict.hpp"

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(judge, names_the_only_leader_and_how_far_the_usual_allocator_is_behind) {
  const std::vector<candidate> candidates{
      {"glibc", {30, 31, 32}}, {"jemalloc", {15, 15.1, 15.2}}, {"tbb", {60, 61, 62}}};
  const verdict found = judge(candidates);
  EXPECT_THAT(found.best, ElementsAre("jemalloc"));
  EXPECT_TRUE(found.difference);
  EXPECT_EQ(found.text, "jemalloc leads; glibc needs 2.1 times as long; tbb, the slowest, needs 4.0 times as long");
}

TEST(judge, puts_all_that_show_no_difference_into_the_lead_the_fastest_first) {
  const std::vector<candidate> candidates{
      {"tcmalloc", {15, 16, 17}}, {"glibc", {30, 31, 32}}, {"jemalloc", {14, 15, 16}}};
  const verdict found = judge(candidates);
  EXPECT_THAT(found.best, ElementsAre("jemalloc", "tcmalloc"));
  EXPECT_EQ(found.text, "jemalloc and tcmalloc lead, no difference between them; glibc needs 2.1 times as long");
}

TEST(judge, does_not_say_that_one_leads_who_is_slower_than_one_that_is_behind) {
  const std::vector<candidate> candidates{
      {"tcmalloc", {3.8, 6.4, 8.3}}, {"glibc", {8.7, 10.5, 17.7}}, {"jemalloc", {7.4, 15.4, 17.2}}};
  const verdict found = judge(candidates);
  EXPECT_THAT(found.best, ElementsAre("tcmalloc", "jemalloc"));
  EXPECT_EQ(found.text, "tcmalloc leads; glibc needs 1.6 times as long; jemalloc varied too much to tell");
}

TEST(judge, says_no_difference_when_there_is_none) {
  const verdict found = judge(std::vector<candidate>{{"glibc", {10, 12, 14}}, {"jemalloc", {11, 13, 15}}});
  EXPECT_FALSE(found.difference);
  EXPECT_THAT(found.best, ElementsAre("glibc", "jemalloc"));
  EXPECT_EQ(found.text, "no difference between glibc and jemalloc");
}

TEST(judge, puts_the_leader_itself_into_the_lead_also_after_one_round) {
  const verdict found = judge(std::vector<candidate>{{"glibc", {10}}, {"jemalloc", {20}}});
  EXPECT_THAT(found.best, ElementsAre("glibc"));
  EXPECT_TRUE(found.difference);
}

TEST(judge, has_nothing_to_say_of_one_or_none) {
  EXPECT_FALSE(judge(std::vector<candidate>{{"glibc", {10}}}).difference);
  EXPECT_THAT(judge(std::vector<candidate>{{"glibc", {10}}}).text, HasSubstr("nothing to compare"));
  EXPECT_THAT(judge({}).best, IsEmpty());
}

struct allocator_case {
  const char* name;
  const char* kind;
  double nanoseconds;
  std::size_t trimmed;
};

comparison comparison_of(const std::string& family, std::initializer_list<allocator_case> cases) {
  comparison found;
  found.workloads.push_back({.name = family, .family = family, .what = "", .threaded = false, .quick = true});
  for (const allocator_case& each : cases) {
    found.contenders.push_back({each.name, each.kind, "", ""});
    cell made{.workload = family, .contender = each.name, .threads = 1, .reason = {}, .rounds = {}};
    for (int round = 0; round < 3; ++round) {
      perf::cell_result result{};
      result.operations = 1'000'000'000;
      result.seconds = each.nanoseconds;
      result.rss_peak = 100u << 20;
      result.rss_trimmed = each.trimmed << 20;
      made.rounds.push_back(result);
    }
    found.cells.push_back(made);
  }
  return found;
}

TEST(judge_workloads, judges_general_allocators_and_takes_the_floor_as_a_reference) {
  const auto verdicts = judge_workloads(comparison_of("pair", {{"glibc", "allocator", 30, 0},
                                                               {"jemalloc", "allocator", 15, 0},
                                                               {"mono", "pmr", 1, 0},
                                                               {"floor", "floor", 3, 0}}));
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_THAT(verdicts[0].verdict.best, ElementsAre("jemalloc"));
  EXPECT_THAT(verdicts[0].verdict.text, HasSubstr("the floor takes 0.20 of the leader's time"));
  EXPECT_THAT(verdicts[0].verdict.text, Not(HasSubstr("mono")));
}

TEST(judge_workloads, judges_whatever_there_is_when_there_is_but_one_allocator) {
  const auto verdicts = judge_workloads(comparison_of("pair", {{"glibc", "allocator", 30, 0}, {"mono", "pmr", 1, 0}}));
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_THAT(verdicts[0].verdict.best, ElementsAre("mono"));
}

TEST(judge_workloads, tells_who_keeps_memory_where_memory_is_the_point) {
  const auto of_memory =
      judge_workloads(comparison_of("memory", {{"glibc", "allocator", 30, 2}, {"tcmalloc", "allocator", 15, 235}}));
  ASSERT_EQ(of_memory.size(), 1u);
  EXPECT_THAT(of_memory[0].verdict.text, HasSubstr("kept after the trim: glibc 2.0 MiB, tcmalloc 235 MiB"));
  const auto of_pair =
      judge_workloads(comparison_of("pair", {{"glibc", "allocator", 30, 2}, {"tcmalloc", "allocator", 15, 235}}));
  EXPECT_THAT(of_pair[0].verdict.text, Not(HasSubstr("trim")));
}

TEST(judge_workloads, passes_over_cells_that_were_not_measured) {
  comparison found = comparison_of("pair", {{"glibc", "allocator", 30, 0}, {"jemalloc", "allocator", 15, 0}});
  found.cells[1].status = status::failed;
  found.cells.push_back({.workload = "pair", .contender = "tbb", .threads = 2, .reason = {}, .rounds = {}});
  const auto verdicts = judge_workloads(found);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_THAT(verdicts[0].verdict.text, StartsWith("only glibc was measured"));
}

program_contender run_of(const char* name, double seconds, bool as_intended) {
  return {
      .name = name, .reason = {}, .bound = {}, .as_intended = as_intended, .rounds = {3, {.wall_seconds = seconds}}};
}

TEST(judge_program, leaves_out_who_was_not_bound_as_intended) {
  const program_result program{
      .name = "ls",
      .command = {"ls"},
      .reason = {},
      .contenders = {run_of("glibc", 2, true), run_of("tbb", 1, false), run_of("jemalloc", 1.5, true)}};
  const verdict found = judge_program(program);
  EXPECT_THAT(found.best, ElementsAre("jemalloc"));
  EXPECT_THAT(found.text, HasSubstr("left out, as another malloc was bound: tbb"));
}

TEST(judge_program, refuses_a_verdict_when_nothing_was_bound_as_intended) {
  const program_result program{.name = "ls",
                               .command = {"ls"},
                               .reason = {},
                               .contenders = {run_of("glibc", 2, false), run_of("tbb", 1, false)}};
  EXPECT_THAT(judge_program(program).best, IsEmpty());
  EXPECT_THAT(judge_program(program).text, HasSubstr("nothing was compared"));
}

}  // namespace
}  // namespace cistern::compare
