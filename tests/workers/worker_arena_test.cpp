// SPDX-License-Identifier: MIT
//
// What a task knows of its worker: its arena, and the rest of this_worker.
#include "worker_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::ageing_clock;
using cistern::overflow;
using cistern::statistics_resource;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
namespace this_worker = cistern::this_worker;

std::size_t used() { return this_worker::arena().used_bytes(); }

TEST(worker_arena, is_a_memory_resource_that_is_rewound_after_each_task) {
  worker_pool pool(workers(1));
  const std::size_t before = pool.submit_wait([] { return used(); });
  const void* first = nullptr;
  for (int i = 0; i < 100; ++i)
    pool.submit([&, i] {
      EXPECT_EQ(used(), before);
      std::pmr::vector<std::pmr::string> lines(&this_worker::arena());
      for (int line = 0; line < 100; ++line) lines.emplace_back("a text that is too long to lie in the string itself");
      EXPECT_GT(used(), 5000u);
      void* const block = this_worker::arena().allocate(64);
      EXPECT_TRUE(i < 2 || block == first);  // the memory of the task before it, still warm
      first = block;
    });
  pool.wait_idle();
  EXPECT_EQ(pool.submit_wait([] { return used(); }), before);
}

TEST(worker_arena, is_rewound_after_a_task_that_throws) {
  worker_pool_options options = workers(1);
  options.on_exception = [](const std::exception_ptr&, const cistern::source_site&) {};
  worker_pool pool(options);
  const std::size_t before = pool.submit_wait([] { return used(); });
  pool.submit([] {
    static_cast<void>(this_worker::arena().allocate(100'000));
    throw std::runtime_error("after it allocated");
  });
  EXPECT_EQ(pool.submit_wait([] { return used(); }), before);
}

TEST(worker_arena, is_rewound_to_its_mark_when_a_wait_nests_tasks) {
  worker_pool pool(workers(1));
  pool.submit_wait([&] {
    auto* const outer = static_cast<char*>(this_worker::arena().allocate(1000));
    std::memset(outer, 'o', 1000);
    const std::size_t before = used();
    for (int i = 0; i < 3; ++i) {
      pool.submit_wait([&] {
        auto* const inner = static_cast<char*>(this_worker::arena().allocate(50'000));
        std::memset(inner, 'i', 50'000);
        EXPECT_GE(used(), before + 50'000);
        pool.submit_wait([] { std::memset(this_worker::arena().allocate(1000), 'j', 1000); });
      });
      EXPECT_EQ(used(), before);
    }
    EXPECT_EQ(std::string(outer, 1000), std::string(1000, 'o'));
  });
}

TEST(worker_arena, is_there_for_a_task_that_runs_on_its_submitters_thread_too) {
  worker_pool pool(bounded(1, 1, overflow::run_here));
  const busy_worker busy(pool);
  pool.submit([] {});
  std::size_t first = 0;
  for (int i = 0; i < 3; ++i)
    pool.submit([&, i] {
      if (i == 0) first = used();
      EXPECT_EQ(used(), first);
      static_cast<void>(this_worker::arena().allocate(10'000));
    });
  EXPECT_THROW(static_cast<void>(this_worker::arena()), std::logic_error);
}

TEST(worker_arena, takes_its_memory_from_the_upstream_and_gives_it_back_with_age) {
  statistics_resource memory(std::pmr::new_delete_resource());
  {
    worker_pool_options options = workers(1);
    options.upstream = &memory;
    options.arena_block = 8192;
    worker_pool pool(options);
    pool.submit_wait([] { static_cast<void>(this_worker::arena().allocate(1)); });
    pool.wait_idle();
    const std::size_t small = memory.snapshot().live_bytes;
    EXPECT_GE(small, 8192u);
    pool.submit_wait([] { static_cast<void>(this_worker::arena().allocate(10 << 20)); });
    pool.wait_idle();
    EXPECT_GE(memory.snapshot().live_bytes, small + (10u << 20));
    for (int i = 0; i < 20; ++i) ageing_clock::process().tick();
    EXPECT_LE(memory.snapshot().live_bytes, small + 8192);
  }
  EXPECT_EQ(memory.snapshot().live_blocks, 0u);
}

TEST(worker_arena, fails_as_any_memory_resource_and_the_worker_lives) {
  worker_pool_options options = workers(1);
  options.upstream = std::pmr::null_memory_resource();
  EXPECT_THROW(worker_pool{options}, std::bad_alloc);  // its queue lies there, too
  cistern::fail_nth_resource only_the_queue(2, cistern::failure_mode::persistent, std::pmr::new_delete_resource());
  options.upstream = &only_the_queue;
  worker_pool pool(options);
  EXPECT_THROW(pool.submit_wait([] { static_cast<void>(this_worker::arena().allocate(1)); }), std::bad_alloc);
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
}

#if CISTERN_ASAN
TEST(worker_arena_death, catches_a_use_after_the_task) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        worker_pool pool(workers(1));
        volatile char* kept = nullptr;
        pool.submit([&] { kept = static_cast<char*>(this_worker::arena().allocate(64)); });
        pool.wait_idle();
        *kept = 1;
      },
      "use-after-poison");
}

TEST(worker_arena_death, catches_a_use_after_a_nested_task) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        worker_pool pool(workers(1));
        pool.submit_wait([&] {
          volatile char* kept = nullptr;
          pool.submit_wait([&] { kept = static_cast<char*>(this_worker::arena().allocate(64)); });
          *kept = 1;
        });
      },
      "use-after-poison");
}
#endif

TEST(this_worker, knows_its_index_and_its_pool) {
  worker_pool pool(workers(3)), other(workers(1));
  EXPECT_FALSE(this_worker::index());
  EXPECT_FALSE(this_worker::is_of(pool));
  std::vector<std::size_t> seen(3);
  {
    const busy_worker one(pool), two(pool);
    EXPECT_EQ(pool.submit_wait([] { return this_worker::index(); }), std::size_t{2});
  }
  pool.submit_wait([&] {
    EXPECT_LT(this_worker::index(), std::size_t{3});
    EXPECT_TRUE(this_worker::is_of(pool));
    EXPECT_FALSE(this_worker::is_of(other));
  });
}

TEST(this_worker, has_a_stop_token_that_tells_of_a_stop_which_discards) {
  EXPECT_FALSE(this_worker::stop_token().stop_possible());
  worker_pool pool(workers(1));
  std::atomic<bool> begun{false}, told{false};
  pool.submit([&] {
    const std::stop_callback tells(this_worker::stop_token(), [&] { told = true; });
    begun = true;
    until([&] { return told.load(); });
  });
  until([&] { return begun.load(); });
  pool.request_stop();
  EXPECT_FALSE(told);
  pool.request_stop(true);
  EXPECT_TRUE(told);
  pool.stop();
  pool.restart();
  EXPECT_FALSE(pool.submit_wait([] { return this_worker::stop_token().stop_requested(); }));
}

}  // namespace
