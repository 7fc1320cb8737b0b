// SPDX-License-Identifier: MIT
//
// Objects on their way between threads that come and go. Each knows its owner: a cookie that is taken away before every
// put and before every hand-over, so that two owners of one object show without a sanitizer too.
#include "owned_thing.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/pools/object_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::ageing_clock;
using cistern::object_ageing;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pooled;
using cistern::stress::owned;

std::atomic<std::int64_t>& objects = cistern::stress::owned::there;
std::atomic<std::uint64_t>& wrong = cistern::stress::owned::wrong;

struct scene {
  explicit scene(object_ageing ageing)
      : pool({.name = "stressed", .ageing = ageing, .clock = &clock, .background = false}) {}

  cistern::ageing_clock clock;
  object_pool<owned> pool;
  struct place {
    std::mutex mutex;
    pooled<owned> held;
  };
  std::array<place, 64> places;

  pooled<owned> swap(unsigned at, pooled<owned> given) {
    place& here = places[at % places.size()];
    const std::scoped_lock lock(here.mutex);
    std::swap(here.held, given);
    return given;
  }
};

// So many objects are handed out, and every eighth of them goes to another thread.
std::uint64_t live(scene& on, std::uint64_t cookie, std::uint64_t turns) {
  std::mt19937 random(static_cast<unsigned>(cookie));
  std::array<pooled<owned>, 90> held;
  std::uint64_t transfers = 0;
  while (transfers < turns) {
    const std::size_t count = 1 + random() % held.size();
    for (std::size_t i = 0; i < count; ++i) {
      held[i] = on.pool.get();
      held[i]->take(cookie);
    }
    for (std::size_t i = 0; i < count; ++i) {
      held[i]->leave(cookie);
      if (random() % 8 == 0) {
        held[i] = on.swap(static_cast<unsigned>(random()), std::move(held[i]));
      }
      if (held[i] && random() % 512 == 0) held[i].discard();
      held[i].put();
    }
    transfers += count;
    if (random() % 256 == 0) on.clock.tick();
    if (random() % 4096 == 0) on.pool.clear();
  }
  return transfers;
}

TEST(object_stress, hands_nothing_out_twice_between_threads_that_come_and_go) {
  const char* const seconds = std::getenv("CISTERN_STRESS_SECONDS");
  const std::uint64_t scale = seconds != nullptr ? std::strtoull(seconds, nullptr, 10) : 1;
  const std::uint64_t wanted = (CISTERN_ASAN || CISTERN_TSAN ? 2'000'000 : 100'000'000) * scale;
  std::atomic<std::uint64_t> transfers{0};
  for (const object_ageing ageing : {object_ageing::working_set, object_ageing::two_ticks}) {
    scene on(ageing);
    std::atomic<std::uint64_t> cookies{1};
    std::vector<std::thread> lines;
    for (int line = 0; line < 4; ++line)  // each a succession of short lives
      lines.emplace_back([&] {
        while (transfers < (ageing == object_ageing::working_set ? wanted / 2 : wanted))
          std::thread([&] { transfers += live(on, cookies++, 200'000); }).join();
      });
    for (std::thread& line : lines) line.join();
    for (auto& place : on.places) place.held.put();
    const auto numbers = on.pool.statistics();
    EXPECT_EQ(numbers.live, 0u) << to_string(numbers);
    EXPECT_EQ(static_cast<std::size_t>(objects), numbers.total);
    EXPECT_GT(numbers.steals, 0u);
    EXPECT_GT(numbers.aged, 0u);
  }
  EXPECT_GE(transfers, wanted);
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(objects, 0);
}

// By the inline path, and by threads that are new to the pool.
TEST(object_stress, ends_a_pool_while_threads_put_the_last_of_its_objects) {
  testing::internal::CaptureStderr();  // pools say that objects are out
  constexpr int rounds = CISTERN_ASAN || CISTERN_TSAN ? 500 : 3000;
  for (int round = 0; round < rounds; ++round) {
    std::optional<object_pool<owned>> pool(std::in_place, object_pool_options{.name = "ending"});
    std::atomic<int> ready{0};
    std::vector<std::thread> putters;
    for (int putter = 0; putter < 2; ++putter) {
      std::vector<pooled<owned>> given;
      for (int i = 0; i < putter; ++i) given.push_back(pool->get());
      putters.emplace_back([&ready, &pool, held = std::move(given)]() mutable {
        for (int i = 0; i < 3; ++i) held.push_back(pool->get());
        ++ready;
        while (ready != 3) std::this_thread::yield();
        held.clear();
      });
    }
    while (ready != 2) std::this_thread::yield();
    ++ready;
    pool.reset();
    for (std::thread& each : putters) each.join();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("pool \"ending\""), std::string::npos) << "none ended with objects out";
  ageing_clock::process().tick();  // has pools that have ended be visited
  EXPECT_EQ(objects, 0);
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
