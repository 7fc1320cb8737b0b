// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/detail/index_loop.hpp>
#include <cistern/workers/parallel_for.hpp>
#include <cistern/workers/this_worker.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::for_each_index;
using cistern::group_status;
using cistern::parallel_for;
using cistern::worker_pool;
using cistern::detail::index_loop;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::gate;

TEST(index_loop, hands_out_each_number_once_in_runs_that_become_shorter) {
  index_loop loop(1000, 1);
  loop.add_thread();
  loop.add_thread();
  std::uint64_t next = 0, last_length = 1000;
  for (auto run = loop.claim(); run.first != run.end; run = loop.claim()) {
    ASSERT_EQ(run.first, next);
    ASSERT_LE(run.end - run.first, last_length);
    last_length = run.end - run.first;
    next = run.end;
  }
  EXPECT_EQ(next, 1000u);
  EXPECT_EQ(last_length, 1u);
  EXPECT_FALSE(loop.is_left());
}

TEST(index_loop, hands_out_no_less_than_the_grain_but_for_the_end) {
  index_loop loop(100, 30);
  loop.add_thread();
  for (const std::uint64_t length : {30u, 30u, 30u, 10u, 0u}) {
    const auto run = loop.claim();
    EXPECT_EQ(run.end - run.first, length);
  }
}

TEST(parallel_for, calls_the_body_once_for_each_index) {
  for (const std::size_t workers : {1u, 2u, 4u}) {
    worker_pool pool({.max_workers = workers});
    for (const std::size_t count : {0u, 1u, 2u, 7u, 1000u, 100'000u}) {
      for (const std::size_t grain : {0u, 1u, 64u, 1'000'000u}) {
        for (const bool inside : {false, true}) {
          std::vector<std::uint8_t> calls(count);
          const auto loop = [&] {
            EXPECT_EQ(parallel_for(pool, count, [&](std::size_t i) { ++calls[i]; }, {.grain = grain}),
                      group_status::complete);
          };
          inside ? pool.submit_wait(loop) : loop();
          ASSERT_TRUE(std::ranges::all_of(calls, [](auto each) { return each == 1; }));
        }
      }
    }
  }
}

template <class Index>
void expect_all_of(Index begin, Index end) {
  worker_pool pool({.max_workers = 2});
  std::mutex lock;
  std::multiset<Index> seen;
  for_each_index(pool, begin, end, [&](Index i) {
    const std::scoped_lock held(lock);
    seen.insert(i);
  });
  std::multiset<Index> wanted;
  for (Index i = begin; i < end; ++i) wanted.insert(i);
  EXPECT_EQ(seen, wanted);
}

TEST(parallel_for, takes_indices_of_any_type_and_sign) {
  expect_all_of<int>(-50, 50);
  expect_all_of<std::int8_t>(-128, 127);
  expect_all_of<std::uint16_t>(65'000, 65'535);
  expect_all_of<std::int64_t>(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::min() + 9);
  expect_all_of<std::uint64_t>(std::numeric_limits<std::uint64_t>::max() - 9,
                               std::numeric_limits<std::uint64_t>::max());
  expect_all_of<int>(3, 3);
  expect_all_of<int>(3, -3);
}

TEST(parallel_for, is_done_by_this_thread_alone_when_no_worker_is_free) {
  worker_pool pool({.max_workers = 1});
  const busy_worker nobody_else(pool);
  std::vector<int> order;
  parallel_for(pool, 100, [&](std::size_t i) { order.push_back(static_cast<int>(i)); });
  EXPECT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(parallel_for, has_workers_join_in) {
  worker_pool pool({.max_workers = 2});
  std::mutex lock;
  std::set<std::thread::id> threads;
  gate all_there;
  parallel_for(pool, 3,
               [&](std::size_t) {
                 {
                   const std::scoped_lock held(lock);
                   threads.insert(std::this_thread::get_id());
                   if (threads.size() == 3) all_there.open();
                 }
                 all_there.pass();
               },
               {.grain = 1});
  EXPECT_EQ(threads.size(), 3u) << "two workers and this thread, each of which waits for the others";
}

TEST(parallel_for, may_be_nested_on_one_worker) {
  worker_pool pool({.max_workers = 1, .queue_bound = 1});
  std::atomic<int> calls = 0;
  parallel_for(pool, 10, [&](std::size_t) {
    parallel_for(pool, 10, [&](std::size_t) { parallel_for(pool, 10, [&](std::size_t) { ++calls; }); });
  });
  EXPECT_EQ(calls, 1000);
}

TEST(parallel_for, throws_what_a_call_threw_and_begins_no_further_runs) {
  worker_pool pool({.max_workers = 2});
  std::atomic<int> calls = 0;
  EXPECT_THROW(parallel_for(pool, 1'000'000,
                            [&](std::size_t i) {
                              ++calls;
                              if (i == 10) throw std::runtime_error("ten");
                            }),
               std::runtime_error);
  EXPECT_LT(calls, 1'000'000);
}

TEST(parallel_for, ends_when_a_stop_is_requested) {
  worker_pool pool({.max_workers = 2});
  std::stop_source source;
  std::atomic<int> calls = 0;
  const auto body = [&](std::size_t) {
    ++calls;
    source.request_stop();
  };
  EXPECT_EQ(parallel_for(pool, 1'000'000, body, {.stop = source.get_token()}), group_status::cancelled);
  EXPECT_GT(calls, 0);
  EXPECT_LT(calls, 1'000'000);
}

TEST(parallel_for, ends_with_the_group_around_it) {
  worker_pool pool({.max_workers = 1});
  cistern::task_group group(pool);
  int calls = 0;
  group.run([&] {
    EXPECT_EQ(parallel_for(pool, 1000,
                           [&](std::size_t) {
                             ++calls;
                             group.cancel();
                           }),
              group_status::cancelled);
  });
  group.wait();
  EXPECT_LT(calls, 1000);
}

TEST(parallel_for, of_a_stopped_pool_is_refused_before_any_call) {
  worker_pool pool({.max_workers = 1});
  static_cast<void>(pool.stop());
  int calls = 0;
  EXPECT_THROW(parallel_for(pool, 10, [&](std::size_t) { ++calls; }), cistern::submission_refused);
  EXPECT_EQ(calls, 0);
}

TEST(parallel_for, has_an_arena_for_its_body_on_each_thread) {
  worker_pool pool({.max_workers = 2});
  std::atomic<std::size_t> sum = 0;
  parallel_for(pool, 1000, [&](std::size_t i) {
    auto* const own =
        static_cast<std::size_t*>(cistern::this_worker::arena().allocate(sizeof(std::size_t), alignof(std::size_t)));
    *own = i;
    sum += *own;
  });
  EXPECT_EQ(sum, 499'500u);
}

}  // namespace
