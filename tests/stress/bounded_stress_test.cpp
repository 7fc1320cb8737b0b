// SPDX-License-Identifier: MIT
//
// Items of bounded pools on their way between threads that come and go, with waits, ticks and clears. Each knows its
// owner, and both bounds are watched from outside.
#include "owned_thing.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/pools/bounded_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::bound;
using cistern::bounded_pool;
using cistern::bounded_pool_options;
using cistern::stress::owned;

std::atomic<std::int64_t>& items = cistern::stress::owned::there;
std::atomic<std::uint64_t>& wrong = cistern::stress::owned::wrong;

constexpr std::size_t limit = 24;

bounded_pool_options with(bound by) {
  bounded_pool_options options{.name = "stressed", .by = by, .background = false};
  (by == bound::kept ? options.max_put_wait : options.max_wait) = std::chrono::microseconds(20);
  return options;
}

struct scene {
  explicit scene(bound by)
      : pool(limit, [this, by] {
          bounded_pool_options options = with(by);
          options.clock = &clock;
          return options;
        }()) {}

  cistern::ageing_clock clock;
  bounded_pool<owned> pool;
  struct place {
    std::mutex mutex;
    bounded_pool<owned>::handle held;
  };
  std::array<place, 4> places;

  void swap(unsigned at, bounded_pool<owned>::handle& given) {
    place& here = places[at % places.size()];
    const std::scoped_lock lock(here.mutex);
    std::swap(here.held, given);
  }
};

// Empty at times: all are out, and the wait was too short.
bounded_pool<owned>::handle got_from(bounded_pool<owned>& pool, std::mt19937& random) {
  if (random() % 8 != 0) return pool.try_get();
  try {
    return pool.get_for(std::chrono::microseconds(random() % 50));
  } catch (const cistern::pool_exhausted&) {
    return {};
  }
}

std::uint64_t live(scene& on, bound by, std::uint64_t cookie, std::uint64_t turns) {
  std::mt19937 random(static_cast<unsigned>(cookie));
  std::array<bounded_pool<owned>::handle, 8> held;
  std::uint64_t got = 0;
  while (got < turns) {
    const std::size_t wanted = 1 + random() % (random() % 16 == 0 ? held.size() : 2);
    std::size_t count = 0;
    for (; count < wanted; ++count) {
      held[count] = got_from(on.pool, random);
      if (!held[count]) break;
      held[count]->take(cookie);
    }
    if (by == bound::total && static_cast<std::size_t>(items) > limit) ++wrong;
    if (on.pool.kept() > limit) ++wrong;
    for (std::size_t i = 0; i < count; ++i) {
      held[i]->leave(cookie);
      if (random() % 8 == 0) on.swap(static_cast<unsigned>(random()), held[i]);
      if (held[i] && random() % 256 == 0) held[i].discard();
      held[i].put();
    }
    got += wanted;
    if (random() % 1024 == 0) on.clock.tick();
    if (random() % 8192 == 0) on.pool.clear();
  }
  return got;
}

TEST(bounded_stress, hands_nothing_out_twice_and_keeps_its_bounds) {
  const char* const seconds = std::getenv("CISTERN_STRESS_SECONDS");
  const std::uint64_t scale = seconds != nullptr ? std::strtoull(seconds, nullptr, 10) : 1;
  const std::uint64_t wanted = (CISTERN_ASAN || CISTERN_TSAN ? 300'000 : 6'000'000) * scale;
  std::atomic<std::uint64_t> cookies{1};
  for (const bound by : {bound::kept, bound::total, bound::total_or_extra}) {
    std::atomic<std::uint64_t> got{0};
    scene on(by);
    std::vector<std::thread> lines;
    for (int line = 0; line < 4; ++line)  // each a succession of short lives
      lines.emplace_back([&] {
        while (got < wanted) std::thread([&] { got += live(on, by, cookies++, 20'000); }).join();
      });
    for (std::thread& line : lines) line.join();
    for (auto& place : on.places) place.held.put();
    const auto numbers = on.pool.statistics();
    EXPECT_EQ(numbers.out, 0u) << to_string(numbers);
    EXPECT_EQ(numbers.made - numbers.dropped, numbers.total) << to_string(numbers);
    EXPECT_EQ(static_cast<std::size_t>(items), numbers.total);
    EXPECT_LE(numbers.kept, limit);
    EXPECT_GT(numbers.aged, 0u);
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(items, 0);
}

}  // namespace
