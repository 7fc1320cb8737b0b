// SPDX-License-Identifier: MIT
#include "uring_things.hpp"
#include <cistern/uring/uring_buffer_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using cistern::page_policy;
using cistern::pool_exhausted;
using cistern::uring_buffer;
using cistern::uring_buffer_options;
using cistern::uring_buffer_pool;
using cistern::uring_tests::fill;
using testing::AllOf;
using testing::HasSubstr;

static_assert(std::is_nothrow_move_constructible_v<uring_buffer> && !std::is_copy_constructible_v<uring_buffer>);

std::vector<uring_buffer> all_of(uring_buffer_pool& pool) {
  std::vector<uring_buffer> held;
  while (uring_buffer each = pool.try_get()) held.push_back(std::move(each));
  return held;
}

std::string refusal_of(const uring_buffer_options& options) {
  try {
    const uring_buffer_pool pool(options);
  } catch (const std::invalid_argument& thrown) {
    return thrown.what();
  }
  return "not refused";
}

TEST(uring_buffer_pool, hands_out_each_buffer_once_and_all_of_one_mapping) {
  for (const std::size_t bytes : {std::size_t{64}, std::size_t{512}, std::size_t{4096}, std::size_t{12288}}) {
    uring_buffer_pool pool({.count = 33, .bytes = bytes});
    const auto held = all_of(pool);
    ASSERT_EQ(held.size(), 33U);
    std::set<std::byte*> addresses;
    for (const auto& each : held) {
      EXPECT_EQ(each.size(), bytes);
      EXPECT_EQ(each.data(), held.front().data() + (std::size_t{each.index()} - held.front().index()) * bytes);
      const std::size_t alignment = bytes == 12288 ? 4096 : bytes;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(each.data()) % alignment, 0U);
      fill(each.span(), each.index());
      addresses.insert(each.data());
    }
    EXPECT_EQ(addresses.size(), 33U);
  }
}

TEST(uring_buffer_pool, hands_out_what_was_put_last) {
  uring_buffer_pool pool({.count = 4});
  auto first = pool.get(), second = pool.get();
  const std::uint32_t one = first.index(), two = second.index();
  first.put();
  second.put();
  first.put();  // holds nothing any more
  first = pool.get();
  EXPECT_EQ(first.index(), two);
  second = pool.get();
  EXPECT_EQ(second.index(), one);
}

TEST(uring_buffer_pool, says_that_it_is_exhausted_and_recovers) {
  uring_buffer_pool pool({.name = "few", .count = 2});
  auto held = all_of(pool);
  EXPECT_FALSE(pool.try_get());
  try {
    static_cast<void>(pool.get());
    ADD_FAILURE() << "got a buffer of none";
  } catch (const pool_exhausted& thrown) {
    EXPECT_THAT(thrown.what(), AllOf(HasSubstr("\"few\""), HasSubstr("total 2 free 0 held 2")));
  }
  EXPECT_EQ(pool.statistics().exhausted, 3U);
  held.pop_back();
  EXPECT_TRUE(pool.get());
}

TEST(uring_buffer_pool, cannot_be_made_of_what_the_kernel_could_not_use) {
  EXPECT_THAT(refusal_of({.count = 0}), HasSubstr("count is 0"));
  EXPECT_THAT(refusal_of({.count = 32769}), HasSubstr("count is 32769"));
  EXPECT_THAT(refusal_of({.bytes = 0}), HasSubstr("bytes is 0"));
  EXPECT_THAT(refusal_of({.bytes = 32}), HasSubstr("bytes is 32"));
  EXPECT_THAT(refusal_of({.bytes = 5000}), HasSubstr("bytes is 5000"));
  EXPECT_THAT(refusal_of({.count = 1, .bytes = std::size_t{2} << 30}), HasSubstr("1 GiB"));
  EXPECT_EQ(refusal_of({.count = 32768, .bytes = 64}), "not refused");
}

TEST(uring_buffer_pool, may_be_of_huge_pages) {
  uring_buffer_pool pool({.count = 2, .bytes = std::size_t{2} << 20, .pages = page_policy::transparent_huge});
  const auto buffer = pool.get();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % (std::size_t{2} << 20), 0U);
  fill(buffer.span(), 1);
}

TEST(uring_buffer_pool, may_end_before_its_handles) {
  uring_buffer first, second;
  {
    uring_buffer_pool pool({.count = 3});
    first = pool.get();
    second = pool.get();
  }
  fill(first.span(), 1);
  first.put();
  fill(second.span(), 2);
}

TEST(uring_buffer_pool, moves_handles_and_puts_what_is_assigned_over) {
  uring_buffer_pool pool({.count = 2});
  auto first = pool.get();
  uring_buffer second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_EQ(first.size(), 0U);
  EXPECT_TRUE(second);
  second = pool.get();
  EXPECT_EQ(pool.statistics().held, 1U);
  second = uring_buffer();
  EXPECT_EQ(pool.statistics().free, 2U);
}

TEST(uring_buffer_pool, gives_no_buffer_to_two_threads) {
  uring_buffer_pool pool({.count = 6, .bytes = 64});
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&pool, t] {
      for (unsigned i = 0; i < 3000; ++i) {
        uring_buffer one = pool.try_get(), two = pool.try_get();
        for (auto* each : {&one, &two})
          if (*each) each->span()[0] = static_cast<std::byte>(t);
        std::this_thread::yield();
        for (auto* each : {&one, &two})
          if (*each) {
            ASSERT_EQ(each->span()[0], static_cast<std::byte>(t));
          }
        if (i % 2 == 0) two.put();
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(pool.statistics().free, 6U);
}

TEST(uring_buffer_pool, counts_where_its_buffers_are) {
  uring_buffer_pool pool({.name = "numbers", .count = 5, .bytes = 128});
  auto held = pool.get();
  const std::uint64_t operation = pool.begin(pool.get(), 7);
  const auto now = pool.statistics();
  EXPECT_EQ(now.total, now.free + now.held + now.in_flight + now.lent);
  EXPECT_EQ(to_string(now),
            "uring pool \"numbers\": total 5 free 3 held 1 in_flight 1 lent 0 gets 2 exhausted 0 bytes_each 128 "
            "registered 0");
  EXPECT_EQ(pool.name(), "numbers");
  static_cast<void>(pool.take_back(operation));
  EXPECT_EQ(pool.statistics().free, 4U);
}

}  // namespace
