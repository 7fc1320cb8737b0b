// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/object_pool.hpp>

#include <memory_resource>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pooled;
using cistern::shared_pooled;
using cistern::statistics_resource;
using cistern::pool_tests::counted;
using cistern::pool_tests::without_clock;
using testing::HasSubstr;

TEST(pooled, is_move_only_and_safe_when_it_holds_nothing) {
  using handle = object_pool<counted>::handle;
  static_assert(std::is_nothrow_move_constructible_v<handle> && std::is_nothrow_move_assignable_v<handle>);
  static_assert(!std::is_copy_constructible_v<handle> && !std::is_copy_assignable_v<handle>);
  static_assert(!std::is_copy_constructible_v<object_pool<counted>> &&
                !std::is_move_constructible_v<object_pool<counted>>);
  object_pool<counted> pool(without_clock());
  handle empty;
  empty.put();
  empty.discard();
  EXPECT_FALSE(empty);
  handle one = pool.get();
  handle other = std::move(one);
  EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move)
  one.put();
  EXPECT_TRUE(other);
  handle& self = other;
  other = std::move(self);
  EXPECT_TRUE(other);
  other = pool.get();
  EXPECT_EQ(pool.statistics().live, 1u);
  other.put();
  EXPECT_EQ(other.get(), nullptr);
  other.put();
  pool.release(nullptr);
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(pooled, may_be_detached_and_adopted) {
  object_pool<counted> pool(without_clock());
  counted* const raw = pool.get().detach();
  EXPECT_EQ(pool.statistics().live, 1u);
  { auto handle = pool.adopt(raw); }
  EXPECT_EQ(pool.statistics().live, 0u);
  counted* const again = pool.acquire();
  pool.release(again, pool.generation_of(again));
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(pooled, destroys_its_object_when_it_is_discarded) {
  object_pool<counted> pool(without_clock());
  pool.get().discard();
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(pool.statistics().dropped, 1u);
  EXPECT_EQ(pool.statistics().total, 0u);
}

TEST(pooled, may_be_put_by_another_thread_and_after_its_pool) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  object_pool_options options = without_clock();
  options.upstream = &upstream;
  pooled<counted> one, other;
  testing::internal::CaptureStderr();
  {
    object_pool<counted> pool(options);
    one = pool.get();
    other = pool.get();
    pool.get().put();
    EXPECT_EQ(counted::there, 3);
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("cistern: pool \"things\" of "));
  EXPECT_EQ(counted::there, 2);
  one->value = 7;
  std::thread([&] { one.put(); }).join();
  EXPECT_EQ(counted::there, 1);
  other.put();
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(shared_pooled, puts_its_object_with_the_last_owner) {
  object_pool<counted> pool(without_clock());
  shared_pooled<counted> first = pool.get().share();
  {
    const shared_pooled<counted> second = first;
    EXPECT_EQ(second.use_count(), 2u);
    EXPECT_EQ(second.get(), first.get());
    shared_pooled<counted> third = second;
    third = std::move(first);
    EXPECT_EQ(second.use_count(), 2u);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(pool.statistics().live, 1u);
  }
  EXPECT_EQ(pool.statistics().live, 0u);
  EXPECT_FALSE(shared_pooled<counted>());
  EXPECT_EQ(shared_pooled<counted>().use_count(), 0u);
}

TEST(shared_pooled, is_put_once_by_owners_on_many_threads) {
  object_pool<counted> pool(without_clock());
  for (int round = 0; round < 200; ++round) {
    shared_pooled<counted> shared = pool.get().share();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([copy = shared]() mutable { copy.reset(); });
    shared.reset();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(counted::there, 1);
  EXPECT_EQ(pool.statistics().live, 0u);
}

}  // namespace
