// SPDX-License-Identifier: MIT
//
// A worker_pool takes its queue and its arenas from its upstream, captures and nodes from the pool of tasks, and what
// it needs for itself from operator new.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/workers/sub_pool.hpp>
#include <cistern/workers/task_batch.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>
#include <contracts/every_allocation.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <failures/failing_new.hpp>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::submission;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::contracts::every_allocation;
using cistern::failures::every_new;
using cistern::failures::spared;

worker_pool_options failing(std::size_t most) {
  return {.name = "failing", .max_workers = most, .spawn = 0, .spin = std::chrono::nanoseconds(0)};
}

// A callable that shows whether it was taken, and that is run or destroyed once.
struct parcel {
  static inline std::atomic<int> there{0}, ran{0};
  std::unique_ptr<int> content;

  explicit parcel(int of) : content(std::make_unique<int>(of)) { ++there; }
  parcel(parcel&& other) noexcept : content(std::move(other.content)) {}
  ~parcel() {
    if (content) --there;
  }
  void operator()() const { ++ran; }
};

// What is made of a pool waits for its tasks at its end, and needs memory for that no more than for the task.
template <class Attempt>
void submit_to_groups(worker_pool& pool, const Attempt& attempt) {
  attempt([&](parcel&& given) {
    std::optional<spared> no_failures;
    cistern::task_group group(pool);
    group.run(std::move(given));
    no_failures.emplace();
    group.wait();
    return true;
  });
  attempt([&](parcel&& given) {
    std::optional<spared> no_failures;
    cistern::task_group group(pool);
    const auto let_go = group.run_result(std::move(given));
    no_failures.emplace();
    group.wait();
    return true;
  });
  attempt([&](parcel&& given) {
    std::optional<spared> no_failures;
    cistern::task_batch<void> batch(pool);
    batch.run(std::move(given));
    no_failures.emplace();
    EXPECT_TRUE(batch.next());
    return true;
  });
  attempt([&](parcel&& given) {
    std::optional<spared> no_failures;
    cistern::sub_pool part(pool, 1);
    part.submit(std::move(given));
    no_failures.emplace();
    return true;
  });
}

// Submits in every way, and says how many were accepted.
int submit_all(worker_pool& pool, bool to_groups = true) {
  int accepted_tasks = 0;
  const auto attempt = [&](auto&& submits) {
    std::unique_ptr<parcel> given;
    {
      const spared no_failures;
      given = std::make_unique<parcel>(7);
    }
    bool accepted = false;
    try {
      accepted = submits(std::move(*given));
    } catch (const std::bad_alloc&) {
    }
    EXPECT_EQ(given->content == nullptr, accepted);
    accepted_tasks += accepted ? 1 : 0;
  };
  attempt([&](parcel&& given) {
    pool.submit(std::move(given));
    return true;
  });
  attempt([&](parcel&& given) { return accepted(pool.try_submit(std::move(given))); });
  attempt([&](parcel&& given) { return accepted(pool.submit_for(1h, std::move(given))); });
  attempt([&](parcel&& given) {
    pool.submit_before(cistern::sync::clock::time_point::max() - 1h, std::move(given));
    return true;
  });
  attempt([&](parcel&& given) {
    const auto let_go = pool.submit_result(std::move(given));
    return true;
  });
  if (to_groups) submit_to_groups(pool, attempt);
  return accepted_tasks;
}

class worker_pool_new_with : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(worker_pool_new, worker_pool_new_with, testing::Values(false, true),
                         [](const auto& which) { return which.param ? "times" : "no_times"; });

TEST_P(worker_pool_new_with, loses_no_task_and_takes_none_halfway_when_an_allocation_fails) {
  worker_pool_options options = failing(2);
  options.measure_times = GetParam();
  const auto points = every_new([&] {
    parcel::ran = 0;
    std::atomic<int> accepted_tasks{0};
    std::unique_ptr<worker_pool> pool;
    try {
      pool = std::make_unique<worker_pool>(options);
      accepted_tasks += submit_all(*pool);
      try {
        pool->submit([&] { accepted_tasks += submit_all(*pool); });
      } catch (const std::bad_alloc&) {
      }
      std::thread(  // a thread that is new to everything
          [&] { accepted_tasks += submit_all(*pool); })
          .join();
    } catch (const std::bad_alloc&) {
    }
    const spared no_failures;
    if (pool == nullptr) return;
    cistern::ageing_clock::process().tick();  // threads that could not be started are tried again
    pool->wait_idle();
    EXPECT_EQ(parcel::ran, accepted_tasks);
    EXPECT_EQ(pool->statistics().submitted, pool->statistics().completed);
    pool.reset();
    EXPECT_EQ(parcel::there, 0);
  });
  EXPECT_GT(points, 0u);
  std::cout << points << " failures\n";
}

TEST(worker_pool_new, keeps_its_room_when_an_allocation_fails) {
  const auto points = every_new([] {
    worker_pool_options options = failing(1);
    options.queue_bound = 10;
    options.when_full = cistern::overflow::reject;
    worker_pool pool(options);
    pool.pause();
    std::thread([&] { static_cast<void>(submit_all(pool, false)); }).join();
    const spared no_failures;
    while (accepted(pool.try_submit([] {}))) {
    }
    EXPECT_EQ(pool.statistics().queued, 10u);
    pool.resume();
    cistern::ageing_clock::process().tick();
    pool.wait_idle();
  });
  EXPECT_GT(points, 0u);
  std::cout << points << " failures\n";
}

TEST(worker_pool_new, is_or_is_not_when_its_first_workers_cannot_be_made) {
  const auto points = every_new([] {
    worker_pool_options options = failing(3);
    options.spawn = 3;
    try {
      worker_pool pool(options);
      const spared no_failures;
      const auto now = pool.statistics();
      EXPECT_GE(now.workers + now.failed_starts, 1u);
      cistern::ageing_clock::process().tick();  // threads that could not be started are tried again
      EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
    } catch (const std::system_error&) {
    }
  });
  EXPECT_GT(points, 0u);
}

TEST(worker_pool_new, is_not_called_for_a_small_task) {
  cistern::background_reclaimer::disable();  // which reads files as it starts, at some time
  worker_pool_options options = failing(1);
  worker_pool pool(options);
  int ran = 0;
  const auto run = [&] {
    for (int i = 0; i < 2000; ++i) pool.submit([&] { ++ran; });
    pool.submit_wait([&] {
      for (int i = 0; i < 2000; ++i) pool.submit([&] { ++ran; });
    });
    pool.wait_idle();
  };
  // What it takes once, also when all tasks wait at a time.
  pool.pause();
  for (int i = 0; i < 2000; ++i) pool.submit([&] { ++ran; });
  pool.resume();
  for (int i = 0; i < 3; ++i) run();
  EXPECT_EQ(every_new(run), 0u);
  EXPECT_EQ(ran, 2000 + 5 * 4000);
  cistern::background_reclaimer::enable();
}

// Larger than any memory there is, and never touched.
struct enormous {
  enormous(const enormous&) noexcept { std::abort(); }
  enormous& operator=(const enormous&) = delete;
  void operator()() const {}
  char bytes[std::size_t{1} << 46];
};

TEST(worker_pool_memory, has_an_answer_when_a_capture_finds_none) {
  alignas(enormous) static char stands_for_it[16];
  const enormous& callable = reinterpret_cast<const enormous&>(stands_for_it);
  worker_pool pool(failing(1));
  EXPECT_THROW(pool.submit(callable), std::bad_alloc);
  EXPECT_EQ(pool.try_submit(callable), submission::no_memory);
  EXPECT_EQ(pool.submit_for(1ms, callable), submission::no_memory);
  EXPECT_THROW(static_cast<void>(pool.submit_result(callable)), std::bad_alloc);
  EXPECT_EQ(pool.submit_wait([&] { return pool.try_submit(callable); }), submission::no_memory);
  EXPECT_EQ(pool.statistics().submitted, 1u);
}

TEST(worker_pool_upstream, gets_all_back_and_loses_no_task_when_one_of_its_allocations_fails) {
  every_allocation("worker_pool", [](std::pmr::memory_resource& memory) {
    worker_pool_options options = failing(1);
    options.upstream = &memory;
    worker_pool pool(options);
    std::atomic<int> ran{0}, accepted_tasks{0}, without_arena{0};
    pool.pause();
    for (int i = 0; i < 3000; ++i) accepted_tasks += accepted(pool.try_submit([&] { ++ran; })) ? 1 : 0;
    const bool has_room = accepted(pool.try_submit([&] {
      for (int i = 0; i < 200; ++i) accepted_tasks += accepted(pool.try_submit([&] { ++ran; })) ? 1 : 0;
      try {
        static_cast<void>(cistern::this_worker::arena().allocate(100));
      } catch (const std::bad_alloc&) {
        ++without_arena;
      }
    }));
    pool.resume();
    pool.wait_idle();
    EXPECT_EQ(ran, accepted_tasks);
    EXPECT_GE(accepted_tasks, 1000 + (has_room ? 200 : 0));
  });
}

}  // namespace
