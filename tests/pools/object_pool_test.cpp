// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/object_pool.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <latch>
#include <memory_resource>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::ageing_clock;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pool_closed;
using cistern::pooled;
using cistern::statistics_resource;
using cistern::pool_tests::counted;
using cistern::pool_tests::without_clock;
using testing::HasSubstr;

TEST(object_pool, hands_out_on_one_thread_what_was_put_last) {
  object_pool<int> pool(without_clock());
  auto first = pool.get(), second = pool.get();
  int* const last = first.get();
  second.put();
  first.put();
  EXPECT_EQ(pool.get().get(), last);
}

TEST(object_pool, keeps_objects_constructed) {
  object_pool<std::string> pool(without_clock());
  const char* text = nullptr;
  {
    auto string = pool.get();
    string->assign(1000, 'a');
    text = string->data();
  }
  auto again = pool.get();
  EXPECT_EQ(again->data(), text);
  EXPECT_EQ(*again, std::string(1000, 'a'));
}

TEST(object_pool, makes_one_only_when_none_is_idle) {
  object_pool<counted> pool(without_clock());
  for (int i = 0; i < 100; ++i) static_cast<void>(pool.get());
  EXPECT_EQ(counted::there, 1);
  auto one = pool.get(), other = pool.get();
  EXPECT_EQ(counted::there, 2);
}

TEST(object_pool, has_nothing_to_try_when_nothing_is_idle) {
  object_pool<counted> pool(without_clock());
  EXPECT_FALSE(pool.try_get());
  pool.get().put();
  auto got = pool.try_get();
  EXPECT_TRUE(got);
  EXPECT_FALSE(pool.try_get());
}

TEST(object_pool, destroys_what_is_idle_as_it_ends) {
  {
    object_pool<counted> pool(without_clock());
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 1000; ++i) held.push_back(pool.get());
    held.clear();
    EXPECT_EQ(counted::there, 1000);
  }
  EXPECT_EQ(counted::there, 0);
}

TEST(object_pool, aligns_and_sizes_objects_of_every_kind) {
  struct alignas(64) line {
    char bytes[64];
  };
  struct alignas(4096) page {
    char bytes[4096];
  };
  object_pool<line> lines(without_clock());
  object_pool<page> pages(without_clock());
  object_pool<char> chars(without_clock());
  object_pool<int[100]> arrays(without_clock());
  object_pool<std::array<char, 300'000>> large(without_clock());
  std::vector<pooled<line>> held_lines;
  std::vector<pooled<page>> held_pages;
  std::vector<pooled<char>> held_chars;
  std::vector<pooled<int[100]>> held_arrays;
  std::set<const void*> seen;
  for (int i = 0; i < 200; ++i) {
    auto* const one = lines.acquire();
    auto* const two = pages.acquire();
    auto* const three = chars.acquire();
    auto* const four = arrays.acquire();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(one) % 64, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(two) % 4096, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(four) % alignof(int), 0u);
    EXPECT_EQ((*four)[99], 0);
    for (const void* each : {static_cast<const void*>(one), static_cast<const void*>(two),
                             static_cast<const void*>(three), static_cast<const void*>(four)})
      EXPECT_TRUE(seen.insert(each).second);
    held_lines.push_back(lines.adopt(one));
    held_pages.push_back(pages.adopt(two));
    held_chars.push_back(chars.adopt(three));
    held_arrays.push_back(arrays.adopt(four));
  }
  auto a = large.get(), b = large.get();
  (*a)[299'999] = 1;
  (*b)[0] = 2;
  EXPECT_EQ((*a)[299'999], 1);
}

TEST(object_pool, gets_objects_that_other_threads_have_put) {
  object_pool<counted> pool(without_clock());
  std::vector<counted*> put;
  {
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 3000; ++i) held.push_back(pool.get());
    for (auto& each : held) put.push_back(each.get());
  }
  std::set<counted*> stolen;
  std::thread([&] {
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 3000; ++i) {
      held.push_back(pool.try_get());
      ASSERT_TRUE(held.back()) << i;
      stolen.insert(held.back().get());
    }
    EXPECT_FALSE(pool.try_get());
  }).join();
  EXPECT_EQ(stolen, std::set<counted*>(put.begin(), put.end()));
  EXPECT_EQ(counted::there, 3000);
  EXPECT_GT(pool.statistics().steals, 0u);
}

TEST(object_pool, steals_the_only_object_of_a_thread_that_sleeps) {
  object_pool<counted> pool(without_clock());
  std::latch put(1), end(1);
  std::thread sleeper([&] {
    pool.get().put();
    put.count_down();
    end.wait();
  });
  put.wait();
  EXPECT_TRUE(pool.try_get());
  EXPECT_EQ(pool.statistics().steals, 1u);
  end.count_down();
  sleeper.join();
}

TEST(object_pool, is_warm_when_told_to) {
  object_pool<counted> pool(without_clock());
  EXPECT_EQ(pool.warm(300), 300u);
  EXPECT_EQ(counted::there, 300);
  std::vector<object_pool<counted>::handle> held;
  for (int i = 0; i < 300; ++i) held.push_back(pool.get());
  EXPECT_EQ(counted::there, 300);
  EXPECT_EQ(pool.statistics().misses, 0u);
  EXPECT_EQ(pool.statistics().made, 300u);
}

TEST(object_pool, is_empty_when_it_is_cleared) {
  object_pool<counted> pool(without_clock());
  auto out = pool.get();
  pool.warm(100);
  pool.clear();
  EXPECT_EQ(counted::there, 1);
  out.put();
  EXPECT_EQ(pool.statistics().idle_threads, 1u);
  pool.trim();
  EXPECT_EQ(counted::there, 0);
}

TEST(object_pool, destroys_what_is_put_after_it_is_closed) {
  object_pool<counted> pool(without_clock());
  auto out = pool.get();
  pool.warm(10);
  pool.close();
  EXPECT_EQ(counted::there, 1);
  EXPECT_THROW(static_cast<void>(pool.get()), pool_closed);
  EXPECT_FALSE(pool.try_get());
  EXPECT_EQ(pool.warm(1), 0u);
  out->value = 3;
  out.put();
  EXPECT_EQ(counted::there, 0);
  pool.close();
}

TEST(object_pool, wakes_those_who_wait_when_it_is_closed) {
  object_pool_options options = without_clock();
  options.max_total = 1;
  options.max_wait = 60s;
  object_pool<counted> pool(options);
  auto out = pool.get();
  std::thread waiter([&] { EXPECT_THROW(static_cast<void>(pool.get()), pool_closed); });
  while (pool.statistics().waits == 0) std::this_thread::yield();
  pool.close();
  waiter.join();
}

TEST(object_pool, makes_and_destroys_each_time_when_passing_through) {
  object_pool_options options = without_clock();
  options.pass_through = true;
  object_pool<counted> pool(options);
  for (int i = 0; i < 10; ++i) {
    auto one = pool.get();
    EXPECT_EQ(one->value, 0);
    one->value = 1;
  }
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(pool.statistics().made, 10u);
}

// The one object that comes and goes does not take its memory along each time.
TEST(object_pool, keeps_memory_for_the_next_object_until_a_tick) {
  ageing_clock clock;
  statistics_resource upstream(std::pmr::new_delete_resource());
  object_pool<std::array<char, 1000>> pool(
      {.upstream = &upstream, .clock = &clock, .background = false, .pass_through = true});
  pool.get().put();
  const auto before = upstream.snapshot();
  for (int i = 0; i < 100; ++i) pool.get().put();
  EXPECT_EQ(upstream.snapshot().allocations, before.allocations);
  clock.tick();
  clock.tick();
  EXPECT_LT(upstream.snapshot().live_bytes, before.live_bytes);
  const auto idle = upstream.snapshot().live_bytes;
  pool.get().put();
  pool.clear();
  EXPECT_EQ(upstream.snapshot().live_bytes, idle);
}

TEST(object_pool, says_where_objects_that_are_out_were_taken) {
  object_pool_options options = without_clock();
  options.record_sites = true;
  pooled<int> held, too, other;
  testing::internal::CaptureStderr();
  {
    object_pool<int> pool(options);
    pool.get().put();
    for (auto* each : {&held, &too}) *each = pool.get();
    other = pool.try_get();
    EXPECT_FALSE(other);
    other = pool.get_for(1s);
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("pool \"things\" of int ended with 3 objects out; taken at "));
  EXPECT_THAT(said, HasSubstr("object_pool_test.cpp:"));
  EXPECT_THAT(said, HasSubstr(" (2 times)"));
}

// The name of a type may be longer than the line.
TEST(object_pool, says_what_is_out_though_its_type_has_a_long_name) {
  using deep = std::array<std::array<std::array<std::array<std::vector<std::set<std::string>>, 2>, 3>, 4>, 5>;
  using long_name = std::pair<std::pair<deep, deep>, std::pair<deep, deep>>;
  object_pool_options options = without_clock();
  options.record_sites = true;
  pooled<long_name> out;
  testing::internal::CaptureStderr();
  {
    object_pool<long_name> pool(options);
    EXPECT_GT(pool.statistics().type.size(), 200u);
    out = pool.get();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr(" ended with 1 objects out; taken at "));
  EXPECT_LT(said.size(), 520u);
}

TEST(object_pool, knows_the_name_of_its_type) {
  EXPECT_THAT(object_pool<int[4]>(without_clock()).statistics().type, testing::AnyOf("int [4]", "int[4]"));
  EXPECT_EQ(object_pool<int>(without_clock()).statistics().type, "int");
}

}  // namespace
