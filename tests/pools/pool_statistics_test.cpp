// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::bucket_pool;
using cistern::class_statistics;
using cistern::pool_options;
using cistern::pool_statistics;
using cistern::statistics_resource;
using ::testing::HasSubstr;
using ::testing::Not;

// At a quiet moment: sums of classes are those of the pool, and its parts are all that it took.
void expect_sums(const pool_statistics& now) {
  std::size_t live = 0, threads = 0, depot = 0, retained = 0;
  std::uint64_t gets = now.large_gets;
  for (const class_statistics& of : now.classes) {
    live += of.live * of.bytes;
    threads += of.cached_threads * of.bytes;
    depot += of.cached_depot * of.bytes;
    retained += of.retained * of.bytes;
    gets += of.gets;
  }
  EXPECT_EQ(now.live, live);
  EXPECT_EQ(now.cached_threads, threads);
  EXPECT_EQ(now.cached_depot, depot);
  EXPECT_GE(now.retained, retained);  // and units of no span
  EXPECT_EQ(now.gets, gets);
  EXPECT_EQ(now.taken,
            now.live + now.cached_threads + now.cached_depot + now.retained + now.bookkeeping + now.resting + now.large)
      << to_string(now);
  EXPECT_LE(now.taken, now.high_water);
}

class_statistics class_of(const pool_statistics& now, std::size_t bytes) {
  for (const class_statistics& of : now.classes)
    if (of.bytes == bytes) return of;
  return {};
}

TEST(pool_statistics, counts_blocks_in_each_place) {
  bucket_pool pool({.clock = nullptr});
  std::array<void*, 10'000> blocks{};
  ASSERT_EQ(pool.allocate_batch(64, blocks), blocks.size());
  EXPECT_EQ(class_of(pool.statistics(), 64).live, 10'000u);
  EXPECT_EQ(class_of(pool.statistics(), 64).gets, 10'000u);
  EXPECT_EQ(pool.statistics().live, 640'000u);
  expect_sums(pool.statistics());
  pool.deallocate_batch(64, std::span(blocks).first(9'000));
  const class_statistics put = class_of(pool.statistics(), 64);
  EXPECT_EQ(put.live, 1'000u);
  EXPECT_GE(put.cached_threads + put.cached_depot + put.retained, 9'000u);
  EXPECT_GT(put.misses, 0u);
  EXPECT_GT(put.flushes, 0u);
  expect_sums(pool.statistics());
  pool.trim();
  const class_statistics trimmed = class_of(pool.statistics(), 64);
  EXPECT_EQ(trimmed.live, 1'000u);
  EXPECT_EQ(trimmed.cached_threads + trimmed.cached_depot, 0u);
  EXPECT_GE(trimmed.trimmed, 9'000u);
  EXPECT_EQ(pool.statistics().ticks, 1u);
  EXPECT_GT(pool.statistics().returned, 0u);
  expect_sums(pool.statistics());
  pool.deallocate_batch(64, std::span(blocks).subspan(9'000));
}

TEST(pool_statistics, counts_single_blocks_of_every_class) {
  bucket_pool pool({.clock = nullptr});
  std::uint64_t gets = 0;
  for (const class_statistics& of : pool.statistics().classes) {
    void* const block = pool.allocate(of.bytes);
    ++gets;
    EXPECT_EQ(class_of(pool.statistics(), of.bytes).live, 1u) << of.bytes;
    EXPECT_EQ(pool.statistics().live, of.bytes);
    EXPECT_EQ(pool.statistics().gets, gets);
    expect_sums(pool.statistics());
    pool.free(block);
    EXPECT_EQ(class_of(pool.statistics(), of.bytes).live, 0u) << of.bytes;
  }
}

TEST(pool_statistics, knows_what_other_threads_have) {
  bucket_pool pool({.clock = nullptr});
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) pool.free(pool.allocate(64));
    });
  for (std::thread& thread : threads) thread.join();
  const pool_statistics now = pool.statistics();
  EXPECT_EQ(now.gets, 3000u);
  EXPECT_EQ(now.live, 0u);
  EXPECT_GE(now.threads, 1u);
  EXPECT_LE(now.threads, 3u);
  expect_sums(now);
  pool.trim();
  EXPECT_EQ(pool.statistics().gets, 3000u) << "also those of threads that are forgotten";
  EXPECT_EQ(pool.statistics().threads, 0u);
}

TEST(pool_statistics, never_counts_more_than_there_is_while_threads_work) {
  bucket_pool pool({.clock = nullptr});
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      std::array<void*, 200> blocks{};
      while (!stop) {
        const std::size_t got = pool.allocate_batch(64, blocks);
        pool.deallocate_batch(64, std::span(blocks).first(got));
      }
    });
  for (int i = 0; i < 200; ++i) {
    const pool_statistics now = pool.statistics();
    EXPECT_LE(class_of(now, 64).live, 100'000u);
    EXPECT_LE(now.live, now.high_water);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.statistics().live, 0u);
  expect_sums(pool.statistics());
}

TEST(pool_statistics, counts_all_that_the_upstream_gave) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  bucket_pool pool({.upstream = &upstream, .clock = nullptr});
  const auto is_all = [&] { EXPECT_EQ(pool.statistics().taken, upstream.snapshot().live_bytes); };
  is_all();
  std::array<void*, 1000> blocks{};
  ASSERT_EQ(pool.allocate_batch(5000, blocks), blocks.size());
  void* const large = pool.allocate(1'000'000);
  is_all();
  EXPECT_EQ(pool.statistics().large, 1'000'000u);
  pool.free(large);
  pool.deallocate_batch(5000, blocks);
  pool.trim();
  is_all();
  EXPECT_EQ(pool.statistics().high_water, upstream.snapshot().peak_bytes);
}

TEST(pool_statistics, adds_up_in_special_pools) {
  const pool_options kinds[] = {
      {.name = "canaries", .clock = nullptr, .canaries = true},
      {.name = "quarantine", .clock = nullptr, .quarantine_bytes = 100'000},
      {.name = "passing", .clock = nullptr, .pass_through = true},
      {.name = "guarded", .clock = nullptr, .guard_one_in = 2},
      {.name = "powers", .classes = cistern::powers_of_two({.smallest = 16, .largest = 4096}), .clock = nullptr},
  };
  for (const pool_options& options : kinds) {
    bucket_pool pool(options);
    std::array<void*, 100> small{}, middle{}, large{};
    ASSERT_EQ(pool.allocate_batch(100, small), 100u);
    ASSERT_EQ(pool.allocate_batch(200'000, middle), 100u);
    ASSERT_EQ(pool.allocate_batch(300'000, large), 100u);
    EXPECT_EQ(pool.statistics().gets, 300u) << options.name;
    expect_sums(pool.statistics());
    pool.deallocate_batch(100, small);
    pool.deallocate_batch(200'000, middle);
    pool.deallocate_batch(300'000, large);
    expect_sums(pool.statistics());
    EXPECT_EQ(pool.statistics().large, 0u) << options.name;
  }
}

TEST(pool_statistics, counts_failures_and_ticks) {
  cistern::ageing_clock clock;
  bucket_pool pool({.max_bytes = 1 << 20, .clock = &clock});
  EXPECT_EQ(pool.try_allocate(2 << 20), nullptr);
  EXPECT_FALSE(pool.try_get(2 << 20));
  EXPECT_EQ(pool.statistics().failures, 2u);
  EXPECT_EQ(pool.statistics().gets, 0u);
  for (int i = 0; i < 5; ++i) clock.tick();
  EXPECT_EQ(pool.statistics().ticks, 5u);
}

// ---- forms

pool_statistics sample() {
  pool_statistics of{};
  of.name = "say \"a\\b\"\n";
  of.live = 1001;
  of.cached_threads = 1002;
  of.cached_depot = 1003;
  of.retained = 1004;
  of.bookkeeping = 1005;
  of.resting = 1006;
  of.large = 1007;
  of.taken = 1008;
  of.high_water = 1009;
  of.returned = 1010;
  of.gets = 1011;
  of.large_gets = 1012;
  of.ticks = 1013;
  of.waits = 1014;
  of.failures = 1015;
  of.threads = 1016;
  of.classes = {{.bytes = 16,
                 .live = 2,
                 .cached_threads = 3,
                 .cached_depot = 4,
                 .retained = 5,
                 .gets = 6,
                 .refills = 7,
                 .misses = 8,
                 .flushes = 9,
                 .trimmed = 10},
                {}};
  of.classes[1].bytes = 32;  // never in use
  return of;
}

TEST(pool_statistics, reads_as_text_with_the_classes_in_use) {
  const std::string text = to_string(sample());
  EXPECT_THAT(text, HasSubstr(" live 1001 cached_threads 1002 cached_depot 1003 retained 1004"));
  EXPECT_THAT(text, HasSubstr("\n  class 16: live 2 cached_threads 3 cached_depot 4 retained 5 gets 6"));
  EXPECT_THAT(text, Not(HasSubstr("class 32")));
  EXPECT_NE(text.back(), '\n');
}

TEST(pool_statistics, reads_as_one_json_object) {
  const std::string json = to_json(sample());
  EXPECT_EQ(json.find("{\"name\":\"say \\\"a\\\\b\\\""), 0u) << json;
  EXPECT_EQ(json.find('\n'), std::string::npos);
  int number = 1001;
  for (const char* const name :
       {"live", "cached_threads", "cached_depot", "retained", "bookkeeping", "resting", "large", "taken", "high_water",
        "returned", "gets", "large_gets", "ticks", "waits", "failures", "threads"})
    EXPECT_THAT(json, HasSubstr(std::string("\"") + name + "\":" + std::to_string(number++) + ','));
  EXPECT_THAT(json, HasSubstr("\"classes\":[{\"bytes\":16,\"live\":2,\"cached_threads\":3,\"cached_depot\":4,"
                              "\"retained\":5,\"gets\":6,\"refills\":7,\"misses\":8,\"flushes\":9,\"trimmed\":10},"
                              "{\"bytes\":32,\"live\":0,"));
  EXPECT_TRUE(json.ends_with("}]}"));
  pool_statistics none = sample();
  none.classes.clear();
  EXPECT_TRUE(to_json(none).ends_with("\"classes\":[]}"));
}

bool eat(std::string_view& text, std::string_view what) {
  const bool is_next = text.starts_with(what);
  if (is_next) text.remove_prefix(what.size());
  return is_next;
}

bool eat_number(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  return digits != 0;
}

// To the quote that ends a value; within it quotes and backslashes are escaped.
bool eat_quoted(std::string_view& text) {
  while (!text.empty() && text[0] != '"') {
    if (text[0] == '\\' && (text.size() < 2 || (text[1] != '"' && text[1] != '\\' && text[1] != 'n'))) return false;
    text.remove_prefix(text[0] == '\\' ? 2 : 1);
  }
  return eat(text, "\"");
}

// name{pool="...",number="3"} 1 or name{pool="...",number="3",size="64"} 1
bool is_sample(std::string_view line, const std::string& name) {
  if (!eat(line, name + "{pool=\"") || !eat_quoted(line)) return false;
  if (!eat(line, ",number=\"") || !eat_number(line) || !eat(line, "\"")) return false;
  if (eat(line, ",size=\"") && !(eat_number(line) && eat(line, "\""))) return false;
  return eat(line, "} ") && eat_number(line) && line.empty();
}

// Every line is a comment or a sample; comments come once, and before their samples.
void expect_prometheus(const std::string& text) {
  std::istringstream lines(text);
  std::set<std::string> types, samples;
  std::string type;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      type = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(types.insert(type).second) << line;
      EXPECT_TRUE(type.starts_with("cistern_pool_")) << line;
      EXPECT_EQ(line, "# TYPE " + type + (type.ends_with("_total") ? " counter" : " gauge"));
      continue;
    }
    ASSERT_TRUE(is_sample(line, type)) << line;
    EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << "twice: " << line;
  }
  EXPECT_FALSE(samples.empty());
  EXPECT_TRUE(text.ends_with('\n'));
}

TEST(pool_statistics, reads_as_prometheus_text) {
  const std::string text = to_prometheus(sample());
  expect_prometheus(text);
  EXPECT_THAT(text, HasSubstr("cistern_pool_live{pool=\"say \\\"a\\\\b\\\""));
  EXPECT_THAT(text, HasSubstr(",size=\"16\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("size=\"32\"")));
  EXPECT_THAT(text, HasSubstr("# TYPE cistern_pool_gets_total counter\n"));
}

TEST(pool_statistics, reads_as_prometheus_text_for_all_pools_together) {
  bucket_pool one({.name = "one"}), other({.name = "other"}), again({.name = "other"}), nameless, nameless_too;
  for (bucket_pool* const pool : {&one, &other, &again, &nameless, &nameless_too}) pool->free(pool->allocate(100));
  const auto labels = [](const bucket_pool& pool) {
    return "pool=\"" + std::string(pool.name()) + "\",number=\"" + std::to_string(pool.statistics().number) + '"';
  };
  const std::string text = to_prometheus(cistern::all_pool_statistics());
  EXPECT_THAT(text, HasSubstr("cistern_pool_gets_total{" + labels(one) + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("cistern_pool_class_gets_total{" + labels(other) + ",size=\"112\"} 1\n"));
  expect_prometheus(text);  // no sample twice, though two pools have no name, and two the same
}

}  // namespace
