// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/pools/object_pool.hpp>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pool_tests::counted;
using cistern::pool_tests::failing;
using cistern::pool_tests::without_clock;
using testing::HasSubstr;

TEST(object_pool_statistics, count_what_was_made_and_not_what_could_not_be) {
  int until = 1;
  failing hooks{&until};
  hooks.in_make = true;
  object_pool<std::string, failing> pool(hooks, without_clock());
  EXPECT_THROW(static_cast<void>(pool.get()), std::runtime_error);
  EXPECT_EQ(pool.statistics().made, 0u);
  EXPECT_EQ(pool.statistics().misses, 0u);
  EXPECT_EQ(pool.statistics().failed, 1u);
  pool.get().put();
  EXPECT_EQ(pool.statistics().made, 1u);
  EXPECT_EQ(pool.statistics().misses, 1u);
}

TEST(object_pool_statistics, only_grow_while_another_thread_works) {
  object_pool_options options = without_clock();
  options.pass_through = true;
  object_pool<counted> pool(options);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) pool.get().put();
  });
  std::uint64_t before = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto numbers = pool.statistics();
    ASSERT_EQ(numbers.hits, 0u);
    ASSERT_GE(numbers.gets, before);
    before = numbers.gets;
  }
  stop = true;
  other.join();
}

TEST(object_pool_statistics, add_up) {
  object_pool<counted> pool(without_clock());
  auto out = pool.get();
  pool.warm(200);
  for (int i = 0; i < 50; ++i) static_cast<void>(pool.get());
  const auto numbers = pool.statistics();
  EXPECT_EQ(numbers.name, "things");
  EXPECT_THAT(numbers.type, HasSubstr("counted"));
  EXPECT_EQ(numbers.total, 201u);
  EXPECT_EQ(numbers.live, 1u);
  EXPECT_EQ(numbers.idle_threads + numbers.idle_depot, 200u);
  EXPECT_EQ(numbers.most, 201u);
  EXPECT_EQ(numbers.hits, 50u);
  EXPECT_EQ(numbers.misses, 1u);
  EXPECT_EQ(numbers.gets, 51u);
  EXPECT_EQ(numbers.made, 201u);
  EXPECT_EQ(numbers.dropped, 0u);
  EXPECT_GE(numbers.bytes_each, sizeof(counted) + 24);
  EXPECT_GT(numbers.taken, 201 * numbers.bytes_each);
}

TEST(object_pool_statistics, read_as_text_json_and_prometheus) {
  object_pool<int> pool({.name = "a \"pool\"", .clock = nullptr});
  pool.get().put();
  const auto numbers = pool.statistics();
  EXPECT_THAT(to_string(numbers), HasSubstr("pool \"a \"pool\"\" of int: total 1 live 0 idle_threads 1"));
  EXPECT_THAT(to_json(numbers), HasSubstr("{\"name\":\"a \\\"pool\\\"\",\"type\":\"int\",\"total\":1,\"live\":0,"));
  EXPECT_THAT(to_prometheus(numbers),
              HasSubstr("# TYPE cistern_object_pool_gets_total counter\n"
                        "cistern_object_pool_gets_total{pool=\"a \\\"pool\\\"\",type=\"int\"} 1\n"));
}

}  // namespace
