// SPDX-License-Identifier: MIT
//
// What a byte_buffer_pool learns, and what that is worth.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>
#include <cistern/pools/learnt_sizes.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::ageing_clock;
using cistern::byte_buffer;
using cistern::byte_buffer_pool;
using cistern::byte_buffer_pool_options;
using cistern::learnt_sizes;
using cistern::parse_learnt_sizes;
using cistern::statistics_resource;
using cistern::detail::quarter_steps;
using testing::HasSubstr;

using sizes = std::function<std::size_t(std::mt19937&)>;

sizes fixed(std::size_t bytes) {
  return [bytes](std::mt19937&) { return bytes; };
}
sizes two(std::size_t small, std::size_t large, unsigned per_cent_large) {
  return [=](std::mt19937& random) { return random() % 100 < per_cent_large ? large : small; };
}
sizes around(std::size_t bytes) {
  return [=](std::mt19937& random) { return bytes + random() % (bytes / 4); };
}
double unit(std::mt19937& random) { return (static_cast<double>(random()) + 1) / 4294967296.0; }
// Pareto's with an infinite variance, and exponential.
std::size_t heavy_tailed(std::mt19937& random) {
  return static_cast<std::size_t>(std::min(200 / std::pow(unit(random), 1 / 1.2), 1e6));
}
std::size_t exponential(std::mt19937& random) { return static_cast<std::size_t>(1 - 2000 * std::log(unit(random))); }

// Sixty-four users who hold a buffer for a while.
template <class Held, class Get, class Put>
void live(std::size_t turns, const sizes& draw, std::vector<std::optional<Held>>& held, std::mt19937& random, Get get,
          Put put) {
  for (std::size_t i = 0; i < turns; ++i) {
    std::optional<Held>& one = held[random() % held.size()];
    if (one.has_value()) {
      put(*one);
      one.reset();
    } else {
      one = get(draw(random));
    }
  }
}

struct scene {
  explicit scene(byte_buffer_pool_options options = {})
      : pool([&] {
          options.upstream = &upstream;
          options.clock = &clock;
          options.background = false;
          return options;
        }()) {}

  void live_for(std::size_t turns, const sizes& draw) {
    static const std::vector<char> text(1 << 20, 'x');
    live(
        turns, draw, held, random,
        [&](std::size_t bytes) {
          byte_buffer got = pool.get();
          for (std::size_t done = 0; done < bytes; done += 4096)
            got.append(text.data(), std::min<std::size_t>(4096, bytes - done));
          return got;
        },
        [](byte_buffer&) {});
  }
  void epoch(std::size_t turns, const sizes& draw) {
    live_for(turns, draw);
    clock.tick();
  }
  std::size_t usual() const { return pool.learnt().front().usual_capacity; }
  std::size_t kept() const { return pool.learnt().front().largest_kept; }
  std::size_t allocated() const { return upstream.snapshot().allocated_bytes; }

  statistics_resource upstream;
  ageing_clock clock;
  byte_buffer_pool pool;
  std::mt19937 random{1};
  std::vector<std::optional<byte_buffer>> held{64};
};

std::size_t class_of(std::size_t bytes) { return quarter_steps::index_up(bytes); }

std::size_t true_quantile(const sizes& draw, double part) {
  std::mt19937 random(99);
  std::vector<std::size_t> drawn(100'000);
  for (std::size_t& each : drawn) each = draw(random);
  std::ranges::sort(drawn);
  return drawn[static_cast<std::size_t>(part * static_cast<double>(drawn.size() - 1))];
}

TEST(learnt_sizes, are_within_one_class_of_the_true_quantile) {
  const sizes draws[] = {fixed(1000),
                         fixed(1 << 20),
                         around(3000),
                         exponential,
                         heavy_tailed,
                         two(500, 100 << 10, 1),
                         two(500, 100 << 10, 5),
                         two(500, 100 << 10, 6),
                         two(500, 100 << 10, 60)};
  for (const sizes& draw : draws) {
    scene s;
    for (int i = 0; i < 4; ++i) s.epoch(20'000, draw);
    EXPECT_NEAR(static_cast<double>(class_of(s.usual())), static_cast<double>(class_of(true_quantile(draw, 0.9))), 1)
        << &draw - draws;
    if (&draw - draws < 5) {  // not where one class or another is as right; a doubling, for few uses are above it
      EXPECT_NEAR(static_cast<double>(class_of(s.kept())), static_cast<double>(class_of(true_quantile(draw, 0.99))), 4)
          << &draw - draws;
    }
  }
}

TEST(learnt_sizes, count_after_some_dozen_uses_without_a_tick) {
  scene s;
  s.live_for(300, fixed(10'000));
  EXPECT_EQ(s.usual(), 10'240u);
}

TEST(learnt_sizes, follow_a_drift_within_three_epochs) {
  scene s;
  for (int i = 0; i < 10; ++i) s.epoch(5000, fixed(500));
  EXPECT_EQ(s.usual(), 512u);
  for (int i = 0; i < 3; ++i) s.epoch(5000, fixed(20'000));
  EXPECT_EQ(s.usual(), 20'480u);
  for (int i = 0; i < 4; ++i) s.epoch(5000, fixed(500));
  EXPECT_EQ(s.usual(), 512u);
}

TEST(learnt_sizes, stay_through_a_quiet_night) {
  scene s;
  s.epoch(5000, fixed(20'000));
  for (int i = 0; i < 10; ++i) s.epoch(2, fixed(10));  // too few to tell anything
  EXPECT_EQ(s.usual(), 20'480u);
  for (int i = 0; i < 1000; ++i) s.epoch(2, fixed(10));
  s.epoch(0, fixed(0));
  EXPECT_NE(s.usual(), 1024u);  // not forgotten, though what little was used has been seen
  scene idle;
  idle.epoch(5000, fixed(20'000));
  for (int i = 0; i < 1000; ++i) idle.clock.tick();
  EXPECT_EQ(idle.usual(), 20'480u);
}

TEST(learnt_sizes, let_buffers_hold_no_more_than_three_times_what_is_used) {
  for (unsigned share = 0; share <= 100; share += 5) {
    scene s;
    const sizes draw = two(500, 100 << 10, share);
    for (int i = 0; i < 3; ++i) s.epoch(10'000, draw);
    const double large = share / 100.0, used = large * 114'688 + (1 - large) * 512;
    const double held = s.usual() > 512 ? 114'688 : used;
    EXPECT_LE(held, 3.3 * used) << share;
  }
}

TEST(learnt_sizes, are_of_each_site_by_itself) {
  scene s;
  byte_buffer_pool::site small(s.pool), large(s.pool, "large");
  for (int i = 0; i < 100; ++i) {
    small.get().append(100, 'x');
    large.get().append(50'000, 'x');
    s.pool.get(700).append(700, 'x');
  }
  s.clock.tick();
  EXPECT_EQ(small.learnt().usual_capacity, 112u);
  EXPECT_EQ(large.learnt().usual_capacity, 57'344u);
  EXPECT_EQ(small.get().capacity(), 112u);
  EXPECT_EQ(large.get().capacity(), 57'344u);
  EXPECT_EQ(s.usual(), 1024u);  // nothing was seen without a site and a hint
  EXPECT_THAT(small.learnt().site, HasSubstr("learnt_sizes_test.cpp:"));
  EXPECT_EQ(byte_buffer_pool::site(s.pool, "large").learnt(), large.learnt());  // the same
}

TEST(learnt_sizes, take_more_than_a_few_uses_also_in_a_busy_thread) {
  scene s;
  byte_buffer_pool::site busy(s.pool, "busy"), rare(s.pool, "rare");
  for (int i = 0; i < 100'000; ++i) busy.get().append(100, 'x');
  for (int i = 0; i < 20; ++i) rare.get().append(50'000, 'x');
  s.clock.tick();
  EXPECT_EQ(busy.learnt().usual_capacity, 112u);
  EXPECT_EQ(rare.learnt().usual_capacity, 1024u);
  EXPECT_TRUE(rare.learnt().histogram.empty());
}

TEST(learnt_sizes, cannot_be_taught_what_makes_no_sense) {
  scene s;
  const learnt_sizes::bar wrong[] = {{0, 1}, {64, 0}, {64, -1}, {64, std::nan("")}, {64, HUGE_VAL}};
  for (const learnt_sizes::bar& bar : wrong)
    EXPECT_THROW(s.pool.learn({{.site = "x", .histogram = {bar}}}), std::invalid_argument);
  EXPECT_THROW(s.pool.learn({{.site = "x", .histogram = {{64, 1}, {64, 1}}}}), std::invalid_argument);
  EXPECT_THROW(byte_buffer_pool::site(s.pool, ""), std::invalid_argument);
  EXPECT_THROW(byte_buffer_pool::site(s.pool, "two\nlines"), std::invalid_argument);
  s.pool.learn({{.site = "", .histogram = {{64, 1e308}, {128, 1e308}}}});
  for (int i = 0; i < 30; ++i) s.epoch(5000, fixed(20'000));
  EXPECT_EQ(s.usual(), 20'480u);  // it does not weigh for ever
}

// ---- what they are worth

// Buffers that grow by doubling and are kept whole, as bytebufferpool's: with one capacity for new ones, and one above
// which they are dropped.
struct fixed_pool {
  std::size_t new_capacity, most_capacity, most_idle;
  std::vector<std::size_t> idle_buffers = {};
  std::size_t idle = 0, held = 0, peak = 0, allocated = 0;

  std::size_t get(std::size_t bytes) {
    std::size_t capacity = new_capacity;
    if (!idle_buffers.empty()) {
      capacity = idle_buffers.back();
      idle_buffers.pop_back();
      idle -= capacity;
    } else {
      count(capacity);
    }
    while (capacity < bytes) {
      count(2 * capacity);
      held -= capacity;
      capacity *= 2;
    }
    return capacity;
  }
  void put(std::size_t capacity) {
    if (capacity > most_capacity || idle + capacity > most_idle) {
      held -= capacity;
    } else {
      idle += capacity;
      idle_buffers.push_back(capacity);
    }
  }
  void count(std::size_t bytes) {
    allocated += bytes;
    held += bytes;
    peak = std::max(peak, held);
  }
};

constexpr std::size_t most_idle = std::size_t{4} << 20, epochs = 10;
constexpr std::size_t turns = CISTERN_ASAN || CISTERN_TSAN ? 4000 : 40'000;
// What goes back to the upstream at a tick and is needed again comes in chunks of up to 2 MiB: so much for each turn.
constexpr double one_chunk_an_epoch = (std::size_t{2} << 20) / static_cast<double>(turns);

// Bytes from the upstream for each turn, of the best setting that needs no more memory at a time.
double best_fixed(const sizes& draw, std::size_t most_held) {
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t capacity = 64; capacity <= 1 << 18; capacity *= 2)
    for (std::size_t most = capacity; most <= 1 << 21; most *= 2) {
      fixed_pool pool{capacity, most, most_idle};
      std::mt19937 random(1);
      std::vector<std::optional<std::size_t>> held(64);
      live(
          4 * turns, draw, held, random, [&](std::size_t bytes) { return pool.get(bytes); },
          [&](std::size_t bytes) { pool.put(bytes); });
      if (pool.peak <= most_held) best = std::min(best, static_cast<double>(pool.allocated) / (4 * turns));
    }
  return best;
}

TEST(learnt_sizes, allocate_at_most_half_more_than_the_best_fixed_setting_that_needs_no_more_memory) {
  const sizes draws[] = {fixed(1000),           around(3000),           exponential,
                         heavy_tailed,          two(500, 100 << 10, 1), two(500, 100 << 10, 5),
                         two(500, 100 << 10, 6)};
  for (const sizes& draw : draws) {
    scene s({.max_idle_bytes = most_idle});
    for (std::size_t i = 0; i < epochs; ++i) s.epoch(turns, draw);
    const double each = static_cast<double>(s.allocated()) / (epochs * turns);
    const double best = best_fixed(draw, s.upstream.snapshot().peak_bytes);
    EXPECT_LE(each, 1.5 * best + one_chunk_an_epoch) << &draw - draws << ": " << best;
    const auto blocks = s.pool.statistics().blocks;
    EXPECT_LE(blocks.cached_threads + blocks.cached_depot, most_idle);
  }
}

TEST(learnt_sizes, have_no_cliff_as_large_uses_become_more) {
  for (unsigned share = 1; share <= 20; ++share) {
    scene s({.max_idle_bytes = most_idle});
    for (std::size_t i = 0; i < epochs; ++i) s.epoch(turns, two(500, 100 << 10, share));
    // 79 bytes; bytebufferpool's are 2573 at 5 %
    EXPECT_LE(static_cast<double>(s.allocated()) / (epochs * turns), 1.5 * one_chunk_an_epoch) << share;
    EXPECT_EQ(s.usual(), 512u) << share;
  }
}

TEST(learnt_sizes, let_a_rare_large_block_go_at_the_next_tick_and_not_at_once) {
  scene s;
  for (int i = 0; i < 3; ++i) s.epoch(20'000, fixed(500));
  s.held.clear();
  const auto idle_large = [&] {
    std::size_t bytes = 0;
    for (const auto& each : s.pool.statistics().blocks.classes)
      if (each.bytes > 512) bytes += each.bytes * (each.cached_threads + each.cached_depot);
    return bytes;
  };
  for (int i = 0; i < 20; ++i) s.pool.get().append(100 << 10, 'x');
  EXPECT_GT(idle_large(), std::size_t{100} << 10);
  for (int i = 0; i < 20'000; ++i) s.pool.get().append(500, 'x');
  s.clock.tick();  // it was used since the last one
  EXPECT_EQ(idle_large(), 0u);
}

TEST(learnt_sizes, of_a_site_that_is_used_no_more_keep_nothing) {
  scene s;
  s.pool.learn({{.site = "gone", .histogram = {{16 << 20, 1000}}}});
  for (int i = 0; i < 20; ++i) s.epoch(5000, fixed(500));
  s.held.clear();
  s.pool.get().append(100 << 10, 'x');
  s.clock.tick();
  for (const auto& each : s.pool.statistics().blocks.classes)
    EXPECT_TRUE(each.bytes <= 512 || each.cached_threads + each.cached_depot == 0) << each.bytes;
}

// ---- export and import

TEST(learnt_sizes, are_the_same_after_export_and_import) {
  scene s;
  byte_buffer_pool::site site(s.pool, "a site");
  for (int i = 0; i < 100; ++i) site.get().append(static_cast<std::size_t>(i * i), 'x');
  for (int i = 0; i < 3; ++i) s.epoch(3001, heavy_tailed);
  const std::vector<learnt_sizes> learnt = s.pool.learnt();
  EXPECT_EQ(parse_learnt_sizes(to_string(learnt)), learnt);

  scene next;
  next.pool.learn(parse_learnt_sizes(to_string(learnt)));
  EXPECT_EQ(next.pool.learnt(), learnt);
  EXPECT_EQ(byte_buffer_pool::site(next.pool, "a site").learnt(), site.learnt());
  EXPECT_EQ(next.pool.get().capacity(), s.usual());
}

TEST(learnt_sizes, that_cannot_be_read_are_refused_with_their_line) {
  const char* const wrong[] = {
      "12 3",
      "site x",
      "site x usual 1 kept",
      "site x usual kept 3",
      "site x usual 1 kept 2\nmany 3",
      "site x usual 1 kept 2\n64 0",
      "site x usual 1 kept 2\n64 -1",
      "site x usual 1 kept 2\n64 inf",
      "site x usual 1 kept 2\n64 nan",
      "site x usual 1 kept 2\n64 1\n64 1",
      "site x usual 1 kept 2\n0 1",
      "site x usual 99999999999999999999999 kept 2",
  };
  for (const char* text : wrong) {
    try {
      static_cast<void>(parse_learnt_sizes(text));
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr("line "));
    }
  }
  EXPECT_TRUE(parse_learnt_sizes("").empty());
  EXPECT_EQ(parse_learnt_sizes("site a usual 2 b usual 1 kept 2\n\n64 1.5").front().site, "a usual 2 b");
}

}  // namespace
