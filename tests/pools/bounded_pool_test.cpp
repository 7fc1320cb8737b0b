// SPDX-License-Identifier: MIT
#include "bounded_things.hpp"
#include "pooled_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bounded_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <limits>
#include <memory>
#include <memory_resource>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using cistern::age_level;
using cistern::ageing_clock;
using cistern::bound;
using cistern::bounded_pool;
using cistern::bounded_pool_options;
using cistern::pool_closed;
using cistern::pool_exhausted;
using cistern::statistics_resource;
using cistern::pool_tests::counted;
using cistern::pool_tests::failing;
using cistern::pool_tests::unticked;
using testing::AllOf;
using testing::HasSubstr;

template <class Pool>
std::vector<typename Pool::handle> hold(Pool& pool, std::size_t count) {
  std::vector<typename Pool::handle> held;
  for (std::size_t i = 0; i < count; ++i) held.push_back(pool.get());
  return held;
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const std::exception& thrown) {
    return thrown.what();
  }
  return "nothing was thrown";
}

TEST(bounded_pool, hands_out_on_one_thread_what_was_put_last) {
  bounded_pool<int> pool(8, unticked());
  auto first = pool.get(), second = pool.get();
  int* const last = first.get();
  second.put();
  first.put();
  EXPECT_EQ(pool.get().get(), last);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pool.get().get(), last);  // also when this thread has its stripe to itself
}

TEST(bounded_pool, makes_one_only_when_none_is_kept) {
  bounded_pool<counted> pool(8, unticked());
  for (int i = 0; i < 1000; ++i) static_cast<void>(pool.get());
  EXPECT_EQ(counted::there, 1);
  auto one = pool.get(), other = pool.get();
  EXPECT_EQ(counted::there, 2);
}

TEST(bounded_pool, keeps_so_many_and_drops_what_is_put_above_that) {
  for (const std::size_t limit : {1U, 2U, 3U, 7U, 8U, 9U, 64U, 1000U, 1001U}) {
    bounded_pool<counted> pool(limit, unticked());
    hold(pool, limit + 5).clear();
    EXPECT_EQ(pool.kept(), limit);
    EXPECT_EQ(static_cast<std::size_t>(counted::there), limit);
    EXPECT_EQ(pool.statistics().overflowed, 5u);
    const auto all = hold(pool, limit);
    EXPECT_EQ(pool.statistics().made, limit + 5) << "one was kept that was not found";
    EXPECT_EQ(pool.kept(), 0u);
  }
  EXPECT_EQ(counted::there, 0);
}

TEST(bounded_pool, finds_what_other_threads_have_put_before_it_makes_one) {
  bounded_pool<counted> pool(100, unticked());
  for (int i = 0; i < 10; ++i)
    std::thread([&] {
      for (int turn = 0; turn < 200; ++turn) hold(pool, 10).clear();  // so that it has a stripe to itself
    }).join();
  EXPECT_EQ(counted::there, 10);
  auto held = hold(pool, 10);
  EXPECT_EQ(counted::there, 10);
  auto one = pool.get();
  EXPECT_EQ(counted::there, 11);
}

TEST(bounded_pool, makes_no_more_than_so_many_in_all) {
  bounded_pool<counted> pool(5, unticked(bound::total));
  auto held = hold(pool, 5);
  EXPECT_FALSE(pool.try_get());
  EXPECT_THROW(static_cast<void>(pool.get()), pool_exhausted);
  EXPECT_EQ(message_of([&] { static_cast<void>(pool.get()); }),
            "cistern: pool \"few\" of cistern::pool_tests::counted: all of its 5 objects are out, or being destroyed");
  held.pop_back();
  EXPECT_TRUE(pool.try_get());
  held.back().discard();
  held.pop_back();
  auto two = hold(pool, 2);
  EXPECT_FALSE(pool.try_get());
  EXPECT_EQ(counted::there, 5);
}

TEST(bounded_pool, makes_extra_ones_that_are_not_kept) {
  bounded_pool<counted> pool(2, unticked(bound::total_or_extra));
  auto held = hold(pool, 2), extra = hold(pool, 3);
  EXPECT_EQ(counted::there, 5);
  EXPECT_EQ(pool.statistics().extras, 3u);
  extra.clear();
  EXPECT_EQ(counted::there, 2);
  EXPECT_EQ(pool.kept(), 0u);
  held.clear();
  EXPECT_EQ(pool.kept(), 2u);
  EXPECT_EQ(pool.statistics().extras, 0u);
}

TEST(bounded_pool, makes_what_may_not_be_moved_and_is_aligned) {
  struct alignas(256) block {
    block() = default;
    block(const block&) = delete;
    block& operator=(const block&) = delete;
    char bytes[300];
  };
  bounded_pool<block> pool(4, unticked());
  for (const auto& each : hold(pool, 6)) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(each.get()) % 256, 0u);
}

TEST(bounded_pool, says_which_option_is_wrong) {
  const auto made = [](std::size_t limit, const bounded_pool_options& options) {
    return message_of([&] { bounded_pool<int> pool(limit, options); });
  };
  EXPECT_THAT(made(0, {}), HasSubstr("the limit is 0"));
  EXPECT_THAT(made(std::size_t{1} << 32, {}), HasSubstr("the limit is above"));
  EXPECT_THAT(made(3, {.min_kept = 4}), HasSubstr("min_kept (4) is above the limit (3)"));
  EXPECT_THAT(made(3, {.by = bound::total, .max_wait = -1s}), HasSubstr("max_wait is negative"));
  EXPECT_THAT(made(3, {.max_put_wait = -1s}), HasSubstr("max_put_wait is negative"));
  EXPECT_THAT(made(3, {.max_wait = 1s}), HasSubstr("never waits"));
  EXPECT_THAT(made(3, {.by = bound::total, .max_put_wait = 1s}), HasSubstr("always finds room"));
  EXPECT_THROW(bounded_pool<int>(0), std::invalid_argument);
  EXPECT_THROW(bounded_pool<int>(1, {.name = "a name that is longer than it may be"}), std::invalid_argument);
  EXPECT_THROW(bounded_pool<int>(1, {.name = "two\nlines"}), std::invalid_argument);
}

TEST(bounded_pool, warms_up_to_its_limit) {
  for (const bound by : {bound::kept, bound::total, bound::total_or_extra}) {
    bounded_pool<counted> pool(10, unticked(by));
    EXPECT_EQ(pool.warm(4), 4u);
    EXPECT_EQ(pool.warm(100), 6u);
    EXPECT_EQ(pool.kept(), 10u);
    EXPECT_EQ(pool.warm(1), 0u);
    auto held = hold(pool, 10);
    EXPECT_EQ(pool.statistics().misses, 0u);
    EXPECT_EQ(pool.warm(1), by == bound::kept ? 1u : 0u);
  }
}

TEST(bounded_pool, destroys_what_is_kept_when_told_to) {
  bounded_pool<counted> pool(100, unticked());
  for (int i = 0; i < 4; ++i)
    std::thread([&] {
      for (int turn = 0; turn < 100; ++turn) hold(pool, 25).clear();
    }).join();
  auto one = pool.get();
  pool.clear();
  EXPECT_EQ(counted::there, 1);
  EXPECT_EQ(pool.kept(), 0u);
  one.put();
  EXPECT_EQ(pool.kept(), 1u);
}

TEST(bounded_pool, destroys_what_is_put_after_it_is_closed) {
  bounded_pool<counted> pool(10, unticked());
  auto held = hold(pool, 5);
  held.resize(2);
  pool.close();
  EXPECT_EQ(counted::there, 2);
  EXPECT_THROW(static_cast<void>(pool.get()), pool_closed);
  EXPECT_FALSE(pool.try_get());
  EXPECT_EQ(pool.warm(1), 0u);
  held.clear();
  EXPECT_EQ(counted::there, 0);
  pool.close();
}

TEST(bounded_pool, takes_back_what_was_acquired) {
  bounded_pool<std::string> pool(2, unticked());
  std::string* const one = pool.acquire();
  pool.release(one);
  EXPECT_EQ(pool.kept(), 1u);
  auto handle = pool.adopt(pool.get().detach());
  EXPECT_EQ(handle.get(), one);
  EXPECT_FALSE(pool.adopt(nullptr));
  pool.release(nullptr);
}

TEST(bounded_pool, has_handles_that_are_safe_when_they_hold_nothing) {
  using handle = bounded_pool<int>::handle;
  static_assert(std::is_nothrow_move_constructible_v<handle> && std::is_nothrow_move_assignable_v<handle>);
  static_assert(!std::is_copy_constructible_v<handle> && sizeof(handle) <= 2 * sizeof(void*));
  bounded_pool<int> pool(2, unticked());
  handle none;
  none.put();
  none.discard();
  EXPECT_FALSE(none);
  handle one = pool.get(), other = std::move(one);
  one.put();  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(pool.kept(), 0u);
  other = std::move(none);
  EXPECT_EQ(pool.kept(), 1u);
}

TEST(bounded_pool, lets_handles_outlive_it) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  bounded_pool<counted>::handle outlives;
  testing::internal::CaptureStderr();
  {
    bounded_pool_options options = unticked();
    options.upstream = &upstream;
    bounded_pool<counted> pool(4, options);
    outlives = pool.get();
    pool.get().put();
    EXPECT_EQ(counted::there, 2);
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("pool \"few\" of cistern::pool_tests::counted ended with 1 objects out"));
  EXPECT_EQ(counted::there, 1);
  outlives->value = 3;
  outlives.put();
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(bounded_pool, may_end_while_other_threads_put) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  testing::internal::CaptureStderr();
  for (int round = 0; round < 300; ++round) {
    bounded_pool_options options = unticked();
    options.upstream = &upstream;
    auto pool = std::make_unique<bounded_pool<counted>>(8, options);
    for (int i = 0; i < 100; ++i) hold(*pool, 2).clear();
    auto held = hold(*pool, 8);
    std::latch start(3);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 2; ++i)
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        for (std::size_t each = i; each < held.size(); each += 2) held[each].put();
      });
    start.arrive_and_wait();
    pool.reset();
    for (auto& each : threads) each.join();
    ASSERT_EQ(counted::there, 0);
    ASSERT_EQ(upstream.snapshot().live_bytes, 0u);
  }
  testing::internal::GetCapturedStderr();
}

TEST(bounded_pool, calls_its_hooks_and_counts_those_that_throw) {
  int until = 0;
  const auto throws = [&until](failing hooks) {
    until = 1;
    hooks.until = &until;
    bounded_pool<std::string, failing> pool(4, hooks, unticked(bound::total));
    auto got = [&] { pool.get().put(); };
    EXPECT_EQ(message_of(got), "hook");
    EXPECT_EQ(message_of(got), "nothing was thrown");
    const auto now = pool.statistics();
    EXPECT_EQ(now.failed, 1u);
    EXPECT_EQ(now.total, 1u);
    EXPECT_EQ(now.kept, 1u);
    EXPECT_EQ(now.made - now.dropped, 1u);
    EXPECT_EQ(pool.get()->size(), 1000u);
  };
  throws({.until = nullptr, .in_make = true});
  throws({.until = nullptr, .in_prepare = true});
  throws({.until = nullptr, .in_reset = true});
  throws({.until = nullptr, .in_keep = true});
}

TEST(bounded_pool, drops_what_keep_refuses) {
  struct small {
    static bool keep(const std::string& text) { return text.capacity() < 100; }
    static void reset(std::string& text) { text.clear(); }
  };
  bounded_pool<std::string, small> pool(4, unticked());
  pool.get()->assign(1000, 'x');
  EXPECT_EQ(pool.kept(), 0u);
  pool.get()->assign(10, 'x');
  EXPECT_EQ(pool.kept(), 1u);
  EXPECT_TRUE(pool.get()->empty());
  EXPECT_EQ(pool.statistics().refused, 1u);
}

TEST(bounded_pool, may_be_used_by_its_own_drop_hook) {
  struct nested {
    bounded_pool<int, nested>** pool;
    void drop(int& value) const noexcept {
      if (value == 7) (*pool)->get().put();
    }
  };
  bounded_pool<int, nested>* itself = nullptr;
  bounded_pool<int, nested> pool(4, nested{&itself}, unticked());
  itself = &pool;
  *pool.get() = 7;
  pool.clear();
  EXPECT_EQ(pool.kept(), 1u);
  pool.get().put();
  pool.clear();
}

TEST(bounded_pool, lets_go_what_nobody_needed_between_two_ticks) {
  ageing_clock clock;
  bounded_pool<counted> pool(40, {.clock = &clock, .background = false, .min_kept = 3});
  hold(pool, 20).clear();
  EXPECT_FALSE(!clock.tick());
  EXPECT_EQ(counted::there, 20) << "what has just been put left";
  for (int i = 0; i < 3; ++i) hold(pool, 4).clear();
  clock.tick();
  EXPECT_GE(counted::there, 4);
  EXPECT_LT(counted::there, 20);
  clock.tick();
  clock.tick();
  EXPECT_EQ(counted::there, 3);
  clock.tick(age_level::pressure);
  EXPECT_EQ(counted::there, 0);
  EXPECT_FALSE(clock.tick()) << "there is nothing that could age";
}

TEST(bounded_pool, is_whole_in_the_child_of_a_fork) {
  bounded_pool<counted> pool(16, unticked(bound::total));
  std::atomic<bool> ends{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i)
    busy.emplace_back([&] {
      while (!ends) hold(pool, 3).clear();
    });
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      const std::size_t kept = pool.kept();
      std::vector<bounded_pool<counted>::handle> held;
      while (auto one = pool.try_get()) held.push_back(std::move(one));
      const bool all = held.size() >= kept && held.size() >= 10;  // six may be in the hands of threads
      held.clear();
      _exit(all && pool.kept() >= 10 ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  ends = true;
  for (auto& each : busy) each.join();
}

TEST(bounded_pool, has_numbers_that_add_up) {
  bounded_pool<std::string> pool(4, {.name = "n\"4\"", .clock = nullptr});
  hold(pool, 6).clear();
  static_cast<void>(hold(pool, 3));
  auto gone = pool.get();
  gone.discard();
  auto out = pool.get();
  const auto now = pool.statistics();
  EXPECT_EQ(now.limit, 4u);
  EXPECT_EQ(now.kept, 2u);
  EXPECT_EQ(now.out, 1u);
  EXPECT_EQ(now.total, 3u);
  EXPECT_EQ(now.most, 6u);
  EXPECT_EQ(now.gets, 11u);
  EXPECT_EQ(now.hits, 5u);
  EXPECT_EQ(now.misses, 6u);
  EXPECT_EQ(now.made, 6u);
  EXPECT_EQ(now.dropped, 3u);
  EXPECT_EQ(now.overflowed, 2u);
  EXPECT_THAT(to_string(now), AllOf(HasSubstr("kept 2 out 1 total 3"), HasSubstr("gets 11 hits 5 misses 6")));
  EXPECT_THAT(to_json(now), AllOf(HasSubstr("{\"name\":\"n\\\"4\\\"\""), HasSubstr("\"kept\":2")));
  EXPECT_THAT(to_prometheus(now), AllOf(HasSubstr("# TYPE cistern_bounded_pool_kept gauge\n"),
                                        HasSubstr("cistern_bounded_pool_gets_total{pool=\"n\\\"4\\\"\"")));
}

TEST(bounded_pool, takes_all_memory_from_its_upstream_and_gives_it_back) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  {
    bounded_pool_options options = unticked();
    options.upstream = &upstream;
    bounded_pool<std::array<char, 4000>> pool(4, options);
    const std::size_t empty = upstream.snapshot().live_bytes;
    hold(pool, 10).clear();
    EXPECT_LE(upstream.snapshot().live_bytes, empty + 4 * 4200);
    pool.clear();
    EXPECT_EQ(upstream.snapshot().live_bytes, empty);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(bounded_pool_death, ends_the_program_on_misuse) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto twice = [] {
    bounded_pool<int> pool(4, unticked());
    int* const one = pool.acquire();
    pool.release(one);
    pool.release(one);
  };
  EXPECT_DEATH(twice(), "pool \"few\" of int, .*: put twice");
  const auto wrong_pool = [] {
    bounded_pool<int> pool(4, unticked()), other(4, {.name = "other", .clock = nullptr});
    other.release(pool.acquire());
  };
  EXPECT_DEATH(wrong_pool(), "pool \"other\" of int, .*: put into the wrong pool; it is one of \"few\"");
  const auto stale = [] {
    bounded_pool<int> pool(4, unticked());
    auto handle = pool.get();
    pool.release(handle.get());
    auto again = pool.get();
    handle.put();
  };
  EXPECT_DEATH(stale(), "put by a stale handle");
  const auto no_object = [] {
    bounded_pool<int> pool(4, unticked());
    alignas(64) static std::array<int, 64> other{};
    pool.release(&other[32]);
  };
  EXPECT_DEATH(no_object(), "put of what is no object that is out");
  const auto out_at_end = [] {
    bounded_pool_options options = unticked();
    options.at_end = cistern::blocks_out::abort;
    bounded_pool<int>::handle handle;
    bounded_pool<int> pool(4, options);
    handle = pool.get();
  };
  EXPECT_DEATH(out_at_end(), "ended with 1 objects out");
}

}  // namespace
