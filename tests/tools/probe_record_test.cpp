// SPDX-License-Identifier: MIT
#include "probe_record.hpp"

#include <gmock/gmock.h>

namespace cistern::compare {
namespace {

using testing::HasSubstr;

constexpr const char* libc = "/lib/libc.so.6";
constexpr const char* jemalloc = "/lib/libjemalloc.so.2";

std::string start(int id, std::string malloc_file, std::string operator_new = "", std::string executable = "/bin/x") {
  return "start\t" + std::to_string(id) + "\t" + malloc_file + "\t" + operator_new + "\t" + libc + "\t" + executable +
         "\n";
}

std::string exit_of(int id) { return "exit\t" + std::to_string(id) + "\t100\n"; }

TEST(probe_record, reads_starts_and_peaks_and_passes_over_the_rest) {
  const probe_record record = parse_probe_record(start(7, libc) + "nonsense\n\nexit\t7\t100\nexit\t8");
  ASSERT_EQ(record.starts.size(), 1u);
  EXPECT_EQ(record.starts[0].id, 7);
  EXPECT_EQ(record.starts[0].malloc_file, libc);
  EXPECT_EQ(record.largest_peak(7), 100u * 1024);
}

TEST(probe_record, gives_the_peak_of_the_largest_process_if_the_root_left_its_own) {
  const probe_record record = parse_probe_record(start(7, libc) + "exit\t9\t300\nexit\t7\t100\n");
  EXPECT_EQ(record.largest_peak(7), 300u * 1024);
  EXPECT_EQ(record.largest_peak(8), 0u);
}

TEST(judge_binding, accepts_the_preloaded_library) {
  const auto found = judge_binding(parse_probe_record(start(7, jemalloc, jemalloc) + exit_of(7)), 7, jemalloc);
  EXPECT_TRUE(found.as_intended) << found.reason;
  EXPECT_EQ(found.bound, jemalloc);
}

TEST(judge_binding, accepts_an_operator_new_that_calls_malloc) {
  EXPECT_TRUE(
      judge_binding(parse_probe_record(start(7, libc, "/usr/lib/libstdc++.so.6") + exit_of(7)), 7, "").as_intended);
}

TEST(judge_binding, takes_the_c_librarys_malloc_for_the_c_librarys_only) {
  EXPECT_TRUE(judge_binding(parse_probe_record(start(7, libc) + exit_of(7)), 7, "").as_intended);
  EXPECT_FALSE(judge_binding(parse_probe_record(start(7, libc)), 7, jemalloc).as_intended);
  EXPECT_FALSE(judge_binding(parse_probe_record(start(7, jemalloc)), 7, "").as_intended);
}

TEST(judge_binding, refuses_an_operator_new_from_elsewhere) {
  const auto found = judge_binding(parse_probe_record(start(7, libc, "/bin/x")), 7, "");
  EXPECT_FALSE(found.as_intended);
  EXPECT_THAT(found.reason, HasSubstr("operator new of /bin/x is in /bin/x"));
}

TEST(judge_binding, judges_what_the_process_became_and_every_child) {
  const std::string became = start(7, jemalloc, "", "/bin/sh") + start(7, jemalloc, "", "/bin/x");
  EXPECT_TRUE(judge_binding(parse_probe_record(became + exit_of(7)), 7, jemalloc).as_intended);
  const auto found = judge_binding(parse_probe_record(became + start(8, libc, "", "/bin/child")), 7, jemalloc);
  EXPECT_FALSE(found.as_intended);
  EXPECT_EQ(found.bound, jemalloc);
  EXPECT_THAT(found.reason, HasSubstr("/bin/child"));
}

TEST(judge_binding, says_when_the_probe_was_not_loaded) {
  const auto found = judge_binding({}, 7, jemalloc);
  EXPECT_FALSE(found.as_intended);
  EXPECT_THAT(found.reason, HasSubstr("nothing was preloaded"));
}

TEST(judge_binding, does_not_know_a_program_that_ended_out_of_sight) {
  const auto found = judge_binding(parse_probe_record(start(7, jemalloc) + exit_of(8)), 7, jemalloc);
  EXPECT_FALSE(found.as_intended);
  EXPECT_EQ(found.bound, "");
  EXPECT_THAT(found.reason, HasSubstr("/bin/x went on out of the probe's sight"));
  constexpr bool ended_by_itself = false;  // but by a signal, say
  EXPECT_TRUE(judge_binding(parse_probe_record(start(7, jemalloc)), 7, jemalloc, ended_by_itself).as_intended);
}

}  // namespace
}  // namespace cistern::compare
