// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <array>
#include <cstddef>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::age_level;
using cistern::ageing_clock;
using cistern::byte_buffer;
using cistern::byte_buffer_pool;
using cistern::byte_buffer_pool_options;
using cistern::statistics_resource;
using cistern::contracts::detail::in_child;
using testing::HasSubstr;

// With a clock of its own, and an upstream that counts.
struct scene {
  explicit scene(byte_buffer_pool_options options = {}) {
    options.upstream = &upstream;
    options.clock = &clock;
    options.background = false;
    pool.emplace(options);
  }
  std::size_t idle() const {
    const cistern::pool_statistics blocks = pool->statistics().blocks;
    return blocks.cached_threads + blocks.cached_depot;
  }
  void use(std::size_t bytes, int times = 1) {
    for (; times > 0; --times) pool->get().append(bytes, 'x');
  }

  statistics_resource upstream;
  ageing_clock clock;
  std::optional<byte_buffer_pool> pool;
};

TEST(byte_buffer_pool, gives_empty_buffers_that_put_themselves_back) {
  scene s;
  const std::byte* block = nullptr;
  {
    byte_buffer held = s.pool->get();
    EXPECT_TRUE(held.empty());
    EXPECT_EQ(held.capacity(), 1024u);
    held.append("some text");
    block = held.data();
    EXPECT_EQ(s.pool->statistics().blocks.live, 1024u);
  }
  EXPECT_EQ(s.pool->statistics().blocks.live, 0u);
  const byte_buffer next = s.pool->get();
  EXPECT_EQ(next.data(), block);
  EXPECT_TRUE(next.empty());
}

TEST(byte_buffer_pool, takes_a_block_back_once_however_its_buffer_moved) {
  scene s;
  byte_buffer one = s.pool->get();
  byte_buffer other = std::move(one);
  one = s.pool->get();
  one = std::move(other);
  other = byte_buffer();
  EXPECT_EQ(s.pool->statistics().blocks.live, 1024u);
  one = byte_buffer();
  EXPECT_EQ(s.pool->statistics().blocks.live, 0u);
}

TEST(byte_buffer_pool, gives_as_much_room_as_it_is_asked_for) {
  scene s;
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{1} << 20, std::size_t{50} << 20}) {
    const byte_buffer held = s.pool->get(bytes);
    EXPECT_GE(held.capacity(), bytes);
    EXPECT_LE(held.capacity(), bytes + bytes / 4 + 64);
  }
  EXPECT_EQ(s.pool->statistics().blocks.live, 0u);
}

TEST(byte_buffer_pool, frees_the_smaller_block_of_a_buffer_that_grows) {
  scene s;
  byte_buffer held = s.pool->get();
  held.append(100'000, 'x');
  EXPECT_EQ(s.pool->statistics().blocks.live, held.capacity());
  held.shrink_to_fit();
  EXPECT_EQ(s.pool->statistics().blocks.live, held.capacity());
  held.clear();
  held.shrink_to_fit();
  held = byte_buffer();
  EXPECT_EQ(s.pool->statistics().blocks.live, 0u);
}

TEST(byte_buffer_pool, lets_a_released_block_go_to_its_memory) {
  scene s;
  byte_buffer held = s.pool->get();
  held.append("bytes");
  {
    const cistern::byte_block block = std::move(held).release();
    EXPECT_EQ(s.pool->statistics().blocks.live, 1024u);
  }
  EXPECT_EQ(s.pool->statistics().blocks.live, 0u);
}

// ---- its end

TEST(byte_buffer_pool, gives_everything_back_at_its_end) {
  scene s;
  s.use(100, 100);
  s.use(100'000, 10);
  byte_buffer_pool::site site(*s.pool);
  site.get().append(300, 'x');
  s.pool.reset();
  EXPECT_EQ(s.upstream.snapshot().live_bytes, 0u);
}

TEST(byte_buffer_pool, is_outlived_by_its_buffers) {
  scene s;
  byte_buffer held = s.pool->get();
  held.append("still here");
  testing::internal::CaptureStderr();
  s.pool.reset();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("ended with 1 blocks"));
  EXPECT_EQ(held, "still here");
  held.append(" and there");  // there is room
  held = byte_buffer();
  EXPECT_EQ(s.upstream.snapshot().live_bytes, 0u);
}

TEST(byte_buffer_pool, lets_no_buffer_grow_after_its_end) {
  scene s;
  byte_buffer held = s.pool->get(2000);
  held.append("text");
  testing::internal::CaptureStderr();
  s.pool.reset();
  testing::internal::GetCapturedStderr();
  EXPECT_THROW(held.append(100'000, 'x'), std::bad_alloc);
  EXPECT_FALSE(held.try_reserve(100'000));
  held.shrink_to_fit();  // as far as it can
  EXPECT_EQ(held, "text");
  held = byte_buffer();
  EXPECT_EQ(s.upstream.snapshot().live_bytes, 0u);
}

// They have nothing of it any more.
TEST(byte_buffer_pool, may_go_before_buffers_that_have_given_their_block_away) {
  scene s;
  byte_buffer shrunk = s.pool->get(), moved = s.pool->get(), released = s.pool->get();
  shrunk.shrink_to_fit();
  shrunk = byte_buffer(std::move(shrunk));
  byte_buffer(std::move(moved)).append("x");
  static_cast<void>(std::move(released).release());
  EXPECT_EQ(s.pool->statistics().blocks.live, shrunk.capacity());
  shrunk = byte_buffer();
  s.pool.reset();
  EXPECT_EQ(s.upstream.snapshot().live_bytes, 0u);
  for (byte_buffer* each : {&shrunk, &moved, &released}) {
    each->append(10'000, 'x');  // of the process' pool
    EXPECT_EQ(each->size(), 10'000u);
  }
}

TEST(byte_buffer_pool, gives_less_where_there_is_no_memory_for_what_is_usual) {
  cistern::memory_budget budget(8 << 20);
  scene s({.budget = &budget});
  for (int i = 0; i < 100; ++i) s.pool->get().append(900'000, 'x');
  s.clock.tick();
  std::vector<byte_buffer> held;
  for (int i = 0; i < 100; ++i) held.push_back(s.pool->get());
  EXPECT_GE(held.front().capacity(), 900'000u);
  EXPECT_LT(held.back().capacity(), 900'000u);
  EXPECT_THROW(static_cast<void>(s.pool->get(900'000)), std::bad_alloc);  // there it was no guess
}

TEST(byte_buffer_pool, serves_several_threads_that_pass_buffers_on) {
  scene s;
  std::vector<byte_buffer> passed;
  std::thread([&] {
    for (int i = 0; i < 100; ++i) {
      passed.push_back(s.pool->get());
      passed.back().append(2000, static_cast<char>('a' + i % 26));
    }
  }).join();
  std::thread worker([&] { s.use(3000, 10'000); });
  for (int i = 0; i < 10; ++i) s.clock.tick();
  for (std::size_t i = 0; i < passed.size(); ++i) EXPECT_EQ(passed[i][1999], std::byte('a' + i % 26));
  passed.clear();
  worker.join();
  s.pool->trim();
  EXPECT_EQ(s.pool->statistics().blocks.live, 0u);
}

TEST(byte_buffer_pool, serves_the_child_of_a_fork) {
  scene s;
  byte_buffer held = s.pool->get();
  held.append("before");
  s.use(5000, 100);
  EXPECT_TRUE(in_child([&] {
    held.append(" and after");
    s.use(5000, 100);
    s.clock.tick();
    return held == "before and after" && s.pool->learnt().front().usual_capacity >= 5000;
  }));
}

// ---- limits and options

TEST(byte_buffer_pool, keeps_no_more_idle_than_it_may_from_the_first_put_on) {
  for (const std::size_t most : {std::size_t{0}, std::size_t{200'000}, std::size_t{2'000'000}}) {
    scene s({.max_idle_bytes = most});
    std::vector<byte_buffer> held;
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{3000}, std::size_t{100'000}}) {
      for (int i = 0; i < 50; ++i) {
        held.push_back(s.pool->get());
        held.back().append(bytes, 'x');
      }
      while (!held.empty()) {
        held.pop_back();
        ASSERT_LE(s.idle(), most);
      }
    }
  }
}

TEST(byte_buffer_pool, says_which_option_is_wrong) {
  const auto message = [](const byte_buffer_pool_options& options) -> std::string {
    try {
      const byte_buffer_pool pool(options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message({.usual_part = 0}), HasSubstr("usual_part"));
  EXPECT_THAT(message({.kept_part = 1.5}), HasSubstr("kept_part"));
  EXPECT_THAT(message({.usual_part = 0.9, .kept_part = 0.5}), HasSubstr("above kept_part"));
  EXPECT_THAT(message({.largest = 5000}), HasSubstr("5000"));
  EXPECT_THAT(message({.largest = 64}), HasSubstr("largest"));
  EXPECT_THAT(message({.largest = 4096, .initial_capacity = 5000}), HasSubstr("initial_capacity"));
  EXPECT_THAT(message({.name = std::string_view("a name that is longer than it may be")}), HasSubstr("longer than 31"));
}

TEST(byte_buffer_pool, wipes_what_is_put_when_told_to) {
  scene s({.zero_on_put = true});
  byte_buffer held = s.pool->get();
  held.append(1000, 's');
  held = byte_buffer();
  held = s.pool->get();
  held.resize_for_overwrite(1000);
  for (const std::byte each : held.span().subspan(16)) ASSERT_EQ(each, std::byte{0});  // behind the idle mark
}

TEST(byte_buffer_pool, passes_every_buffer_through_when_told_to) {
  scene s({.pass_through = true});
  const auto before = s.upstream.snapshot().allocations;
  s.use(10, 5);
  EXPECT_GE(s.upstream.snapshot().allocations, before + 5);
  EXPECT_EQ(s.idle(), 0u);
}

TEST(byte_buffer_pool, has_one_for_everybody) {
  byte_buffer held = byte_buffer_pool::process().get();
  held.append("x");
  EXPECT_EQ(byte_buffer_pool::process().name(), "buffers");
}

// ---- numbers

TEST(byte_buffer_pool, tells_what_it_holds_and_knows) {
  scene s({.name = "told \"quoted\""});
  s.use(3000, 200);
  const byte_buffer held = s.pool->get();
  s.clock.tick();
  const auto statistics = s.pool->statistics();
  EXPECT_EQ(statistics.blocks.live, held.capacity());
  EXPECT_EQ(statistics.sites.front().usual_capacity, 3072u);
  EXPECT_THAT(to_string(statistics), HasSubstr("site  usual 3072 kept 3072\n3072 "));
  EXPECT_THAT(to_json(statistics), HasSubstr("\"usual_capacity\":3072,\"largest_kept\":3072,\"histogram\":[[3072,"));
  EXPECT_THAT(to_prometheus(statistics),
              HasSubstr("cistern_buffer_pool_usual_capacity_bytes{pool=\"told \\\"quoted\\\"\","));
  EXPECT_THAT(to_prometheus(statistics), HasSubstr("site=\"\"} 3072\n"));
}

}  // namespace
