// SPDX-License-Identifier: MIT
//
// Gets that wait for puts, and puts that wait for gets.
#include "bounded_things.hpp"
#include "pooled_things.hpp"
#include <cistern/pools/bounded_pool.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::bound;
using cistern::bounded_pool;
using cistern::bounded_pool_options;
using cistern::pool_closed;
using cistern::pool_exhausted;
using cistern::pool_tests::counted;
using cistern::pool_tests::kept_with_put_wait;
using cistern::pool_tests::total_with_wait;
using cistern::pool_tests::unticked;
using cistern::pool_tests::until_waits;
using testing::ElementsAre;

TEST(bounded_waits, give_a_get_what_is_put_while_it_waits) {
  bounded_pool<counted> pool(1, total_with_wait(1h));
  auto held = pool.get();
  const counted* const only = held.get();
  const counted* got = nullptr;
  std::thread waits([&] { got = pool.get().get(); });
  until_waits(pool, 1);
  held.put();
  waits.join();
  EXPECT_EQ(got, only);
  EXPECT_EQ(pool.statistics().handovers, 1u);
  EXPECT_EQ(pool.statistics().gets, 2u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(pool.get().get(), only);
}

TEST(bounded_waits, let_a_get_make_one_when_one_is_destroyed) {
  bounded_pool<counted> pool(1, total_with_wait(1h));
  auto held = pool.get();
  std::thread waits([&] { pool.get().put(); });
  until_waits(pool, 1);
  held.discard();
  waits.join();
  EXPECT_EQ(pool.statistics().made, 2u);
  EXPECT_EQ(counted::there, 1);
}

TEST(bounded_waits, hand_room_on_when_one_cannot_be_made) {
  struct unwilling {
    int* left;
    counted make() const {
      if ((*left)-- == 0) throw std::runtime_error("not now");
      return {};
    }
  };
  int left = 1;
  bounded_pool<counted, unwilling> pool(1, unwilling{&left}, unticked(bound::total));
  auto held = pool.get();
  std::vector<std::thread> threads;
  std::atomic<int> failed{0}, got{0};
  for (std::uint64_t i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      try {
        pool.get_for(1h).put();
        ++got;
      } catch (const std::runtime_error&) {
        ++failed;
      }
    });
    until_waits(pool, i + 1);
  }
  held.discard();
  for (auto& each : threads) each.join();
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(got, 1);
}

TEST(bounded_waits, serve_in_the_order_of_coming) {
  bounded_pool<counted> pool(1, total_with_wait(1h));
  auto held = pool.get();
  std::vector<int> order;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      const auto got = pool.get();
      const std::scoped_lock lock(mutex);
      order.push_back(i);
    });
    until_waits(pool, static_cast<std::uint64_t>(i) + 1);
  }
  held.put();
  for (auto& each : threads) each.join();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST(bounded_waits, end_at_their_deadline) {
  bounded_pool<counted> pool(1, total_with_wait(1ms));
  auto held = pool.get();
  EXPECT_THROW(static_cast<void>(pool.get()), pool_exhausted);
  EXPECT_THROW(static_cast<void>(pool.get_for(1ms)), pool_exhausted);
  EXPECT_THROW(static_cast<void>(pool.get_until(cistern::sync::now() - 1s)), pool_exhausted);
  EXPECT_FALSE(pool.try_get());
  EXPECT_EQ(pool.statistics().waits, 2u);
  EXPECT_EQ(pool.statistics().failures, 4u);
  held.put();
  EXPECT_TRUE(pool.get_for(std::chrono::nanoseconds::max()));
}

TEST(bounded_waits, end_with_an_extra_one_where_the_pool_may_make_them) {
  bounded_pool_options options = total_with_wait(1ms);
  options.by = bound::total_or_extra;
  bounded_pool<counted> pool(1, options);
  auto held = pool.get();
  auto extra = pool.get();
  EXPECT_EQ(pool.statistics().waits, 1u);
  EXPECT_EQ(pool.statistics().extras, 1u);
  extra.put();
  EXPECT_EQ(counted::there, 1);
}

TEST(bounded_waits, end_when_the_pool_is_closed) {
  bounded_pool<counted> pool(1, total_with_wait(1h));
  auto held = pool.get();
  std::thread waits([&] { EXPECT_THROW(static_cast<void>(pool.get()), pool_closed); });
  until_waits(pool, 1);
  pool.close();
  waits.join();
}

TEST(bounded_waits, let_a_put_wait_for_room) {
  bounded_pool<counted> pool(2, kept_with_put_wait(1h));
  auto one = pool.get(), two = pool.get(), three = pool.get();
  one.put();
  two.put();
  const counted* const last = three.get();
  std::thread waits([&] { three.put(); });
  until_waits(pool, 0, 1);
  auto got = pool.get();
  waits.join();
  EXPECT_EQ(pool.kept(), 2u);
  EXPECT_EQ(counted::there, 3);
  got.discard();  // its put would wait, too
  EXPECT_EQ(pool.statistics().overflowed, 0u);
  EXPECT_EQ(pool.get().get(), last);
}

TEST(bounded_waits, let_a_put_drop_at_its_deadline) {
  bounded_pool<counted> pool(1, kept_with_put_wait(1ms));
  auto one = pool.get(), two = pool.get();
  one.put();
  two.put();
  EXPECT_EQ(pool.kept(), 1u);
  EXPECT_EQ(counted::there, 1);
  EXPECT_EQ(pool.statistics().put_waits, 1u);
  EXPECT_EQ(pool.statistics().overflowed, 1u);
}

TEST(bounded_waits, let_puts_in_where_a_clear_or_a_tick_has_made_room) {
  cistern::ageing_clock clock;
  for (const bool clears : {true, false}) {
    bounded_pool_options options = kept_with_put_wait(1h);
    options.clock = &clock;
    options.background = false;
    bounded_pool<counted> pool(1, options);
    auto one = pool.get(), two = pool.get();
    const counted* const last = two.get();
    one.put();
    std::thread waits([&] { two.put(); });
    until_waits(pool, 0, 1);
    if (clears)
      pool.clear();
    else
      clock.tick(cistern::age_level::pressure);
    waits.join();
    EXPECT_EQ(pool.kept(), 1u);
    EXPECT_EQ(pool.get().get(), last);
  }
}

TEST(bounded_waits, drop_what_a_put_holds_when_the_pool_ends) {
  std::optional<bounded_pool<counted>> pool(std::in_place, 1, kept_with_put_wait(1h));
  auto one = pool->get(), two = pool->get();
  one.put();
  std::thread waits([&] { two.put(); });
  until_waits(*pool, 0, 1);
  testing::internal::CaptureStderr();
  pool.reset();
  testing::internal::GetCapturedStderr();
  waits.join();
  EXPECT_EQ(counted::there, 0);
}

TEST(bounded_waits, lose_nothing_between_many_threads_with_short_deadlines) {
  bounded_pool<counted> pool(2, total_with_wait(20us));
  std::atomic<int> out{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 2000; ++turn) {
        try {
          const auto held = pool.get();
          const int now = ++out;
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          if (turn % 4 == 0) std::this_thread::yield();
          --out;
        } catch (const pool_exhausted&) {
        }
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_LE(most, 2);
  const auto now = pool.statistics();
  EXPECT_EQ(now.kept, now.total) << to_string(now);
  EXPECT_EQ(now.gets + now.failures, 8000u);
  auto one = pool.try_get(), two = pool.try_get();
  EXPECT_TRUE(one && two);
}

TEST(bounded_waits, hand_an_extra_that_is_put_to_a_get_that_waits) {
  bounded_pool_options options = total_with_wait(1ms);
  options.by = bound::total_or_extra;
  bounded_pool<counted> pool(1, options);
  auto held = pool.get();
  auto extra = pool.get();
  const counted* const object = extra.get();
  std::thread waiter([&] {
    const auto got = pool.get_for(60s);
    EXPECT_EQ(got.get(), object);
  });
  until_waits(pool, 2);
  extra.put();
  waiter.join();
  EXPECT_EQ(counted::there, 1);  // the extra went as it was put the second time
  EXPECT_EQ(pool.statistics().extras, 0u);
}

}  // namespace
