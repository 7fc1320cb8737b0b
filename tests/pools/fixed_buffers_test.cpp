// SPDX-License-Identifier: MIT
//
// The pools of bytes that are bounded_pools: text_pool, sized_text_pool, fixed_block_pool.
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/fixed_block_pool.hpp>
#include <cistern/pools/sized_text_pool.hpp>
#include <cistern/pools/text_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::bounded_pool_options;
using cistern::fixed_block_pool;
using cistern::sized_text_pool;
using cistern::statistics_resource;
using cistern::text_pool;

bounded_pool_options from(statistics_resource& upstream) { return {.upstream = &upstream, .clock = nullptr}; }

template <class Pool>
auto hold(Pool& pool, std::size_t count) {
  std::vector<decltype(pool.get())> held;
  for (std::size_t i = 0; i < count; ++i) held.push_back(pool.get());
  return held;
}

TEST(text_pool, hands_out_empty_strings_with_the_room_they_had) {
  text_pool pool(4, {.clock = nullptr});
  pool.get()->assign(1000, 'x');
  auto again = pool.get();
  EXPECT_TRUE(again->empty());
  EXPECT_GE(again->capacity(), 1000u);
}

TEST(text_pool, keeps_no_more_than_its_limit) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    text_pool pool(4, from(upstream));
    auto held = hold(pool, 10);
    for (auto& each : held) each->assign(10'000, 'x');
    held.clear();
    EXPECT_EQ(pool.kept(), 4u);
    EXPECT_LT(upstream.snapshot().live_bytes, 4 * 10'000u + 6000);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(sized_text_pool, hands_out_empty_strings_of_its_room) {
  for (const std::size_t room : {0U, 1U, 15U, 16U, 20U, 31U, 64U, 1000U}) {
    sized_text_pool pool(4, room, {.clock = nullptr});
    for (const std::size_t used : {std::size_t{0}, room / 2, room, room * 3 + 100}) {
      auto text = pool.get();
      EXPECT_TRUE(text->empty());
      EXPECT_GE(text->capacity(), room);
      EXPECT_LE(text->capacity(), room + 32);
      text->assign(used, 'x');
    }
  }
}

TEST(sized_text_pool, trims_what_has_grown_without_an_allocation) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    sized_text_pool pool(4, 1024, from(upstream));
    hold(pool, 4).clear();
    const auto before = upstream.snapshot();
    for (int round = 0; round < 10; ++round) {
      auto held = hold(pool, 4);
      for (auto& each : held) each->append(100'000, 'x');
      const auto grown = upstream.snapshot();
      held.clear();
      EXPECT_EQ(upstream.snapshot().allocations, grown.allocations);
      EXPECT_EQ(upstream.snapshot().live_bytes, before.live_bytes) << "what had grown was kept";
    }
    for (auto& each : hold(pool, 4)) each->append(1024, 'x');
    auto shrunk = pool.get();
    shrunk->shrink_to_fit();
    const auto grown = upstream.snapshot();
    shrunk.put();
    EXPECT_EQ(upstream.snapshot().allocations, grown.allocations);
    EXPECT_GE(pool.get()->capacity(), 1024u);
    EXPECT_EQ(upstream.snapshot().live_bytes, before.live_bytes);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(sized_text_pool, allocates_nothing_where_texts_fit) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  sized_text_pool pool(4, 1024, from(upstream));
  hold(pool, 4).clear();
  const auto before = upstream.snapshot().allocations;
  for (int round = 0; round < 100; ++round)
    for (auto& each : hold(pool, 4)) each->append(1024, 'x');
  EXPECT_EQ(upstream.snapshot().allocations, before);
  EXPECT_EQ(pool.room(), 1024u);
}

TEST(fixed_block_pool, hands_out_blocks_of_its_width) {
  fixed_block_pool pool(4, 100, {}, {.clock = nullptr});
  EXPECT_EQ(pool.width(), 100u);
  auto block = pool.get();
  EXPECT_EQ(block->payload().size(), 100u);
  for (const std::byte each : block->payload()) EXPECT_EQ(each, std::byte{0});
  block->resize(10);
  block.put();
  EXPECT_EQ(pool.kept(), 1u);
  EXPECT_EQ(pool.get()->payload().size(), 100u);
}

TEST(fixed_block_pool, drops_a_narrower_block_and_cuts_a_wider_one) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    fixed_block_pool pool(4, 100, 0, from(upstream));
    std::pmr::vector<std::byte> narrower(99, &upstream), wider(300, &upstream);
    auto block = pool.get();
    block->swap(narrower);
    block.put();
    EXPECT_EQ(pool.kept(), 0u);
    EXPECT_EQ(pool.statistics().refused, 1u);
    block = pool.get();
    block->swap(wider);
    EXPECT_EQ(block->payload().size(), 300u);
    const auto before = upstream.snapshot().allocations;
    block.put();
    EXPECT_EQ(upstream.snapshot().allocations, before);
    EXPECT_EQ(pool.kept(), 1u);
    EXPECT_EQ(pool.get()->payload().size(), 100u);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(fixed_block_pool, leaves_room_for_a_header_before_the_payload) {
  fixed_block_pool pool(4, 100, 8, {.clock = nullptr});
  EXPECT_EQ(pool.header_room(), 8u);
  auto block = pool.get();
  EXPECT_EQ(block->payload().size(), 100u);
  block->payload()[0] = std::byte{1};
  const auto sent = block->with_header(3);
  EXPECT_EQ(sent.size(), 103u);
  EXPECT_EQ(&sent[3], &block->payload()[0]);
  EXPECT_EQ(block->with_header(0).data(), block->payload().data());
  EXPECT_EQ(block->with_header(8).size(), 108u);
}

TEST(fixed_block_pool, refuses_a_width_that_no_block_has) {
  EXPECT_THROW(fixed_block_pool(4, SIZE_MAX, 2), std::invalid_argument);
  EXPECT_THROW(fixed_block_pool(4, SIZE_MAX - 100, 200), std::invalid_argument);
  fixed_block_pool pool(4, 100, 20);
  EXPECT_THROW(pool.get()->resize(SIZE_MAX - 10), std::invalid_argument);
}

TEST(sized_text_pool, refuses_room_that_no_text_has) {
  EXPECT_THROW(sized_text_pool(4, SIZE_MAX), std::invalid_argument);
}

}  // namespace
