// SPDX-License-Identifier: MIT
//
// The measuring instruments: what they say must be right before what they measure means anything.
#include <workloads/histogram.hpp>
#include <workloads/ledger.hpp>
#include <workloads/process.hpp>
#include <workloads/random.hpp>
#include <workloads/sizes.hpp>
#include <workloads/ticks.hpp>
#include <workloads/timeline.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace cistern::perf;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(histogram, answers_within_two_percent_at_every_magnitude) {
  for (std::uint64_t value = 1; value < std::uint64_t{1} << 62; value = value * 3 + 1) {
    histogram durations;
    durations.record(value);
    durations.record(std::uint64_t{1} << 63);
    EXPECT_NEAR(durations.quantile(0.5), static_cast<double>(value), 0.02 * static_cast<double>(value));
  }
}

TEST(histogram, finds_the_quantiles_of_even_numbers) {
  histogram one, other;
  for (std::uint64_t i = 1; i <= 10'000; ++i) (i % 2 == 0 ? one : other).record(i);
  one.add(other);
  EXPECT_EQ(one.total(), 10'000u);
  EXPECT_EQ(one.largest(), 10'000u);
  EXPECT_NEAR(one.quantile(0.5), 5000, 100);
  EXPECT_NEAR(one.quantile(0.99), 9900, 200);
  EXPECT_EQ(one.quantile(1), 10'000);
}

TEST(histogram, answers_zero_when_it_is_empty) { EXPECT_EQ(histogram().quantile(0.5), 0); }

TEST(size_table, stays_in_its_range_and_reaches_both_ends) {
  for (const spread how : {spread::even, spread::inverse, spread::inverse_square, spread::falling}) {
    const size_table sizes({8, 32768, how});
    std::set<std::size_t> seen;
    for (std::uint64_t word = 0; word < std::uint64_t{1} << 32; word += std::uint64_t{1} << 20)
      seen.insert(sizes[word]);
    EXPECT_EQ(*seen.begin(), 8u);
    EXPECT_EQ(*seen.rbegin(), 32768u);
  }
}

TEST(size_table, has_the_spread_it_is_named_after) {
  EXPECT_NEAR(size_table({0, 1000, spread::even}).average(), 500, 1);
  EXPECT_NEAR(size_table({0, 1000, spread::falling}).average(), 250, 1);
  // For 1/x and 1/x^2 between a and b: (b - a) / ln(b/a), and ab/(b - a) ln(b/a).
  EXPECT_NEAR(size_table({8, 1024, spread::inverse}).average(), 209.4, 2);
  EXPECT_NEAR(size_table({4, 32768, spread::inverse_square}).average(), 36.0, 6);
}

TEST(pareto_table, uses_a_fifth_of_the_slots_four_times_in_five) {
  constexpr std::size_t slots = 1 << 18, draws = 100'000;
  const pareto_table table(slots);
  random_source random(1);
  std::size_t hot = 0;
  for (std::size_t i = 0; i < draws; ++i) {
    const std::size_t slot = table[random.next()];
    ASSERT_LT(slot, slots);
    hot += slot < slots / 5 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(hot) / draws, 0.8, 0.01);
}

TEST(random_source, repeats_itself_with_the_same_seed_only) {
  random_source one(1), same(1), other(2);
  EXPECT_EQ(one.next(), same.next());
  EXPECT_NE(one.next(), other.next());
}

TEST(random_source, shuffles_without_loss) {
  std::vector<std::uint32_t> order = shuffled(1000, 7);
  EXPECT_FALSE(std::ranges::is_sorted(order));
  std::ranges::sort(order);
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(order[i], i);
}

class ledger_of : public testing::Test {
 protected:
  ledger blocks;
  alignas(16) unsigned char memory[1024] = {};
};

TEST_F(ledger_of, is_content_with_blocks_side_by_side) {
  blocks.issued(memory, 16);
  blocks.issued(memory + 16, 16);
  EXPECT_TRUE(blocks.returned(memory, 16));
  EXPECT_TRUE(blocks.returned(memory + 16, 16));
  EXPECT_THAT(blocks.verdict(), IsEmpty());
}

TEST_F(ledger_of, sees_overlap_from_either_side) {
  blocks.issued(memory + 64, 64);
  blocks.issued(memory, 80);
  EXPECT_THAT(blocks.verdict(), HasSubstr("of 80 bytes"));
  ledger from_behind;
  from_behind.issued(memory, 80);
  from_behind.issued(memory + 64, 64);
  EXPECT_THAT(from_behind.verdict(), HasSubstr("of 64 bytes"));
}

TEST_F(ledger_of, sees_a_write_to_the_last_byte) {
  blocks.issued(memory, 1000);
  memory[999] = static_cast<unsigned char>(memory[999] + 1);
  EXPECT_TRUE(blocks.returned(memory, 1000));
  EXPECT_THAT(blocks.verdict(), HasSubstr("was written to"));
}

TEST_F(ledger_of, refuses_what_is_not_live) {
  blocks.issued(memory, 16);
  EXPECT_TRUE(blocks.returned(memory, 16));
  EXPECT_FALSE(blocks.returned(memory, 16));
  EXPECT_THAT(blocks.verdict(), HasSubstr("is freed but not live"));
}

TEST_F(ledger_of, sees_another_size_and_a_forgotten_block) {
  blocks.issued(memory, 16);
  EXPECT_THAT(blocks.verdict(), HasSubstr("1 blocks were never freed"));
  EXPECT_TRUE(blocks.returned(memory, 32));
  EXPECT_THAT(blocks.verdict(), HasSubstr("another size"));
}

TEST(process, sees_memory_that_is_touched) {
  constexpr std::size_t bytes = 32 << 20;
  const std::size_t before = rss_bytes();
  reset_peak_rss();
  {
    const std::unique_ptr<char[]> block(new char[bytes]);
    std::memset(block.get(), 1, bytes);
    asm volatile("" : : "r"(block.get()) : "memory");
    EXPECT_GT(rss_bytes(), before + bytes / 2);
  }
  EXPECT_GT(peak_rss_bytes(), before + bytes / 2);
}

TEST(process, counts_processor_time_and_faults) {
  const resource_usage before = usage();
  std::vector<char> block(8 << 20, 'x');
  asm volatile("" : : "r"(block.data()) : "memory");
  const resource_usage after = usage();
  EXPECT_GE(after.minor_faults, before.minor_faults + 1000);
  EXPECT_GE(after.cpu_seconds, before.cpu_seconds);
}

TEST(timeline, thins_out_evenly_when_it_is_full) {
  timeline memory_use;
  memory_use.sample();  // not started: not kept
  memory_use.start();
  for (int i = 0; i < 5000; ++i) {
    memory_use.add(1);
    memory_use.sample();
  }
  memory_use.stop();
  memory_use.sample();
  const std::vector<memory_sample> samples = memory_use.take();
  ASSERT_LE(samples.size(), 1024u);
  ASSERT_GE(samples.size(), 512u);
  std::set<std::size_t> steps;
  for (std::size_t i = 1; i < samples.size(); ++i) steps.insert(samples[i].live_bytes - samples[i - 1].live_bytes);
  EXPECT_LE(*steps.rbegin(), 2 * *steps.begin());
  EXPECT_EQ(samples.front().live_bytes, 1u);
  EXPECT_GT(samples.front().rss_bytes, 0u);
}

TEST(ticks, go_forward) {
  const std::uint64_t from = ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GT(ticks() - from, 100 * ticks_overhead());
}

}  // namespace
