// SPDX-License-Identifier: MIT
#include <cistern/allocators/sync.hpp>
#include <workloads/workloads.hpp>

#include <algorithm>
#include <cctype>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#if CISTERN_TSAN
// The allocators of other projects are not instrumented; their calls of memset say nothing about ours.
extern "C" [[gnu::visibility("default")]] const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1";
}
#endif

namespace cistern::perf {

static void PrintTo(const workload_info& info, std::ostream* out) { *out << info.name; }

}  // namespace cistern::perf

namespace {

using namespace cistern::perf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr double tiny = 0.01;

cell_request small_cell(std::string workload, std::string contender, int threads = 1) {
  cell_request request;
  request.workload = std::move(workload);
  request.contender = std::move(contender);
  request.threads = threads;
  request.budget = std::chrono::milliseconds(1);
  request.scale = tiny;
  return request;
}

template <class F>
std::string invalid_argument_of(F&& function) {
  try {
    function();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

// The C library's malloc, whatever it is called in this build.
std::string plain_malloc() { return contenders().front().name; }

bool runs_here(const contender_info& contender) { return contender.name != "glibc-tuned"; }

TEST(workloads, have_names_of_their_own_and_a_quick_set) {
  std::set<std::string> names;
  std::size_t quick = 0;
  for (const workload_info& each : workloads()) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    EXPECT_EQ(each.name.rfind(each.family, 0), 0u) << each.name;
    EXPECT_THAT(each.what, Not(IsEmpty())) << each.name;
    quick += each.quick ? 1 : 0;
  }
  EXPECT_GE(quick, 8u);
  EXPECT_LT(quick, names.size());
  for (const char* name : {"pair/64", "batch/1024/random", "glibc-simple/1600", "slow-path/8192", "mleak/50", "memory"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(contenders, stand_in_the_order_of_their_kinds_with_the_floor_last) {
  std::set<std::string> names;
  for (const contender_info& each : contenders()) EXPECT_TRUE(names.insert(each.name).second) << each.name;
  for (const char* name : {"pages", "pmr-unsync", "pmr-sync", "pmr-monotonic", "floor"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_EQ(contenders().front().kind, "allocator");
  EXPECT_EQ(contenders().back().name, "floor");
}

TEST(run_cell, says_which_names_there_are_when_one_is_unknown) {
  const std::string workload = invalid_argument_of([] { run_cell(small_cell("nonsense", contenders().front().name)); });
  EXPECT_THAT(workload, HasSubstr("no workload \"nonsense\""));
  EXPECT_THAT(workload, HasSubstr("batch/1024/random"));
  const std::string contender = invalid_argument_of([] { run_cell(small_cell("pair/64", "nonsense")); });
  EXPECT_THAT(contender, HasSubstr("no contender \"nonsense\""));
  EXPECT_THAT(contender, HasSubstr("pmr-sync"));
  EXPECT_THAT(invalid_argument_of([] { why_not("pair/64", "nonsense", 1); }), HasSubstr("floor"));
}

TEST(why_not, tells_what_keeps_a_contender_out) {
  EXPECT_EQ(why_not("pair/64", "floor", 2), "");
  EXPECT_THAT(why_not("slots", "floor", 1), HasSubstr("one size"));
  EXPECT_THAT(why_not("larson", "pmr-unsync", 1), HasSubstr("another thread"));
  EXPECT_THAT(why_not("slots", "pmr-monotonic", 1), HasSubstr("together"));
  EXPECT_EQ(why_not("batch/64/random", "pmr-monotonic", 2), "");
  EXPECT_THAT(why_not("pair/1024", "pages", 1), HasSubstr("4096 B"));
  EXPECT_EQ(why_not("pair/4096", "pages", 1), "");
  EXPECT_THAT(why_not("producer-consumer", plain_malloc(), 3), HasSubstr("even"));
  EXPECT_THAT(why_not("memory", plain_malloc(), 2), HasSubstr("one thread"));
  EXPECT_THAT(why_not("pair/64", plain_malloc(), 0), HasSubstr("at least one"));
}

TEST(run_cell, refuses_what_is_ruled_out) {
  EXPECT_THAT(invalid_argument_of([] { run_cell(small_cell("slots", "floor")); }), HasSubstr("one size"));
}

TEST(run_cell, refuses_tuned_glibc_in_a_process_that_is_not_tuned) {
  if (plain_malloc() != "glibc") GTEST_SKIP() << "malloc is not the C library's";
  EXPECT_EQ(why_not("pair/64", "glibc-tuned", 1), "");
  EXPECT_THAT(invalid_argument_of([] { run_cell(small_cell("pair/64", "glibc-tuned")); }),
              HasSubstr(std::string(glibc_tunables)));
}

TEST(run_cell, does_the_same_number_of_operations_in_every_unit) {
  for (const workload_info& each : workloads()) {
    SCOPED_TRACE(each.name);
    cell_request request = small_cell(each.name, plain_malloc(), each.threaded ? 2 : 1);
    const cell_result first = run_cell(request);
    request.budget *= 3;
    const cell_result second = run_cell(request);
    ASSERT_GT(first.units, 0u);
    EXPECT_EQ(first.operations % first.units, 0u);
    EXPECT_EQ(first.operations / first.units, second.operations / second.units);
  }
}

TEST(run_cell, measures_time_and_ordered_latencies) {
  cell_request request = small_cell("pair/64", plain_malloc());
  request.budget = std::chrono::milliseconds(20);
  const cell_result cell = run_cell(request);
  EXPECT_GT(cell.operations, 0u);
  EXPECT_GE(cell.seconds, 0.020);
  EXPECT_LT(cell.seconds, 2);
  EXPECT_GT(cell.latency_ns.samples, 100u);
  EXPECT_GT(cell.latency_ns.max, 0);
  EXPECT_LE(cell.latency_ns.p50, cell.latency_ns.p99);
  EXPECT_LE(cell.latency_ns.p99, cell.latency_ns.p999);
  EXPECT_LE(cell.latency_ns.p999, cell.latency_ns.max);
  EXPECT_THAT(cell.memory, IsEmpty());
}

TEST(run_cell, shows_memory_come_and_go) {
  cell_request request = small_cell("memory", plain_malloc());
  request.scale = 0.125;  // 16 MiB
  const cell_result cell = run_cell(request);
  constexpr std::size_t MiB = 1024 * 1024;
  ASSERT_GT(cell.memory.size(), 20u);
  const auto live = [](const memory_sample& sample) { return sample.live_bytes; };
  const memory_sample most = std::ranges::max(cell.memory, {}, live);
  EXPECT_NEAR(static_cast<double>(most.live_bytes), 16.0 * MiB, 1.0 * MiB);
  EXPECT_EQ(cell.memory.back().live_bytes, 0u);
  EXPECT_TRUE(std::ranges::is_sorted(cell.memory, {}, [](const memory_sample& sample) { return sample.seconds; }));
  EXPECT_GT(cell.rss_peak, cell.rss_before + 12 * MiB);
  EXPECT_GT(cell.minor_faults, 12 * MiB / 4096);
}

TEST(run_cell, reads_memory_with_all_freed_before_the_last_trim) {
  if (std::ranges::find(contenders(), "jemalloc", &contender_info::name) == contenders().end())
    GTEST_SKIP() << "jemalloc, which keeps what is freed for a while, is not installed";
  cell_request request = small_cell("memory", "jemalloc");
  request.scale = 0.125;  // 16 MiB
  const cell_result cell = run_cell(request);
  EXPECT_GT(cell.rss_drained, cell.rss_trimmed + 256 * 1024);
}

TEST(run_cell, samples_memory_in_the_workloads_that_are_about_it) {
  for (const char* name : {"larson", "mstress", "rptest", "mleak/5"})
    EXPECT_GT(run_cell(small_cell(name, plain_malloc())).memory.size(), 2u) << name;
}

TEST(run_cell, tells_the_size_classes_of_a_pool_before_its_blocks_are_freed) {
  for (const char* pool : {"bucket-pool", "bucket-pool-pmr"})
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(std::string(pool) + " with " + std::to_string(threads) + " threads");
      const cell_result cell = run_cell(small_cell("slots", pool, threads));
      ASSERT_GT(cell.classes.size(), 5u);
      EXPECT_TRUE(std::ranges::is_sorted(cell.classes, {}, &class_fill::bytes));
      std::size_t live = 0;
      for (const class_fill& each : cell.classes) {
        EXPECT_GT(each.live + each.cached_threads + each.cached_depot + each.retained, 0u) << each.bytes;
        live += each.live;
      }
      EXPECT_EQ(live, static_cast<std::size_t>(threads) * 100);  // all slots of the small cell
    }
}

TEST(run_cell, tells_no_size_classes_of_an_allocator_that_cannot) {
  EXPECT_THAT(run_cell(small_cell("slots", plain_malloc())).classes, IsEmpty());
}

class each_workload : public testing::TestWithParam<workload_info> {
 protected:
  static void run_all(bool verify) {
    for (const contender_info& contender : contenders())
      for (const int threads : {1, 2}) {
        if (!runs_here(contender) || !why_not(GetParam().name, contender.name, threads).empty()) continue;
        SCOPED_TRACE(contender.name + " with " + std::to_string(threads) + " threads");
        cell_request request = small_cell(GetParam().name, contender.name, threads);
        request.verify = verify;
        try {
          EXPECT_GT(run_cell(request).operations, 0u);
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
  }
};

TEST_P(each_workload, runs_on_every_contender_that_can_take_part) { run_all(false); }
TEST_P(each_workload, finds_no_contender_wrong) { run_all(true); }

std::string name_of_test(const testing::TestParamInfo<workload_info>& test) {
  std::string name = test.param.name;
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(catalogue, each_workload, testing::ValuesIn(workloads()), name_of_test);

}  // namespace
