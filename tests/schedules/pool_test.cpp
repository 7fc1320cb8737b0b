// SPDX-License-Identifier: MIT
#include "pool_list.hpp"
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/detail/thread_cache.hpp>
#include <schedules/pool_scene.hpp>
#include <schedules/scheduler.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

// The race of top and limit, and nothing else: an owner at the bottom of its magazine, and a visitor.
TEST(pool_schedules, leave_a_block_to_its_owner_or_to_a_visitor) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scene(s);
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) {
        void* const first = scene.get(0);
        void* const second = scene.get(0);
        scene.put(first, 0);
        scene.put(second, 0);
      }
    });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) scene.tick();
    });
    s.run();
    scene.require_all_back();
  }));
}

TEST(pool_schedules, keep_each_block_in_one_place_as_a_ticker_visits) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scene(s);
    for (std::uint8_t holder = 0; holder < 2; ++holder) s.spawn([&, holder] { scene.work(holder, 7); });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) scene.tick();
    });
    s.run();
    scene.require_all_back();
  }));
}

TEST(pool_schedules, keep_each_block_in_one_place_as_three_threads_trim) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scene(s, small_pool(s.choose(2) == 0 ? 16 : 32));
    for (std::uint8_t holder = 0; holder < 3; ++holder)
      s.spawn([&, holder] {
        scene.work(holder, 4);
        scene.pool->trim();
        scene.work(holder, 2);
      });
    s.run();
    scene.require_all_back();
  }));
}

// Each is the thread's hot pool in turn.
TEST(pool_schedules, keep_each_block_in_one_place_as_threads_turn_between_two_pools) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scenes[2] = {pool_scene(s), pool_scene(s)};
    for (std::uint8_t holder = 0; holder < 2; ++holder)
      s.spawn([&, holder] {
        void* const kept = scenes[0].get(holder);
        scenes[1].work(holder, 2);
        scenes[0].put(kept, holder);
        scenes[1].work(holder, 1);
      });
    s.spawn([&] {
      for (pool_scene& each : scenes) each.tick();
    });
    s.run();
    for (pool_scene& each : scenes) each.require_all_back();
  }));
}

// Here a producer gets what a consumer puts: magazines go round through the depot, and what ages there goes to spans.
TEST(pool_schedules, carry_blocks_from_a_consumer_to_a_producer_through_the_depot) {
  constexpr std::size_t rounds = 9, window = 2;
  std::uint64_t refills = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    pool_scene scene(s, small_pool(32));
    std::array<sync::atomic<void*>, rounds> sent{};
    sync::atomic<std::size_t> received = 0;
    s.spawn([&] {
      for (std::size_t i = 0; i < rounds; ++i) {
        while (received.load() + window < i) sync::spin_pause();
        sent[i].store(scene.get(0));
      }
    });
    s.spawn([&] {
      for (std::size_t i = 0; i < rounds; ++i) {
        while (sent[i].load() == nullptr) sync::spin_pause();
        scene.hand_over(sent[i].peek(), 0, 1);
        scene.put(sent[i].peek(), 1);
        received.store(i + 1);
      }
    });
    if (s.choose(2) == 0) s.spawn([&] { scene.tick(); });
    s.run();
    refills += scene.pool->statistics().classes[0].refills;
    scene.require_all_back();
  }));
  EXPECT_GT(refills, 0) << "the depot was never of use";
}

// Those who come later find what others have left behind, or a ticker has freed it.
TEST(pool_schedules, hand_a_cache_on_or_free_it_as_threads_end) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scene(s);
    for (std::uint8_t holder = 0; holder < 3; ++holder) s.spawn([&, holder] { scene.work(holder, 3); });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) scene.tick();
    });
    s.run();
    scene.require_all_back();
  }));
}

TEST(pool_schedules, serve_a_thread_that_comes_after_its_end) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scene(s);
    s.spawn([&] {
      sync::words().state = thread_words::life::dead;
      scene.work(0, 4);
    });
    s.spawn([&] { scene.work(1, 4); });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) scene.tick();
    });
    s.run();
    scene.require_all_back();
  }));
}

TEST(pool_schedules, end_while_threads_end_that_have_used_the_pool) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_scene scene(s);
    sync::atomic<int> working = 2;
    for (std::uint8_t holder = 0; holder < 2; ++holder)
      s.spawn([&, holder] {
        scene.work(holder, 3);
        working.fetch_sub(1);
      });
    s.spawn([&] { scene.tick(); });
    sync::atomic<bool> ended = false;
    s.spawn([&] {
      while (working.load() != 0) sync::spin_pause();
      scene.end();
      scene.require_upstream_has_all();  // which may go now
      ended.store(true);
    });
    if (s.choose(2) == 0)
      s.spawn([&] {
        for (; !ended.load(); sync::spin_pause()) cistern::detail::pool_list::visit_ended();
      });
    s.run();
    scene.require_upstream_has_all();
  }));
}

TEST(pool_schedules, end_with_the_last_block_that_is_put) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    pool_options options = small_pool();
    options.at_end = blocks_out::report;
    pool_scene scene(s, options);
    sync::atomic<int> holding = 0;
    sync::atomic<bool> ended = false;
    for (std::uint8_t holder = 0; holder < 2; ++holder)
      s.spawn([&, holder] {
        scene.put(scene.get(holder), holder);
        void* const kept = scene.get(holder);
        holding.fetch_add(1);
        while (!ended.load()) sync::spin_pause();
        scene.put(kept, holder);
      });
    s.spawn([&] {
      while (holding.load() != 2) sync::spin_pause();
      scene.end();
      ended.store(true);
    });
    s.run();
    scene.require_upstream_has_all();
  }));
}

// A put by the inline path that began before the end may come to its magazine when nobody looks there any more.
TEST(pool_schedules, end_while_the_last_blocks_are_put) {
  std::uint64_t left_to_visits = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    pool_options options = small_pool();
    options.at_end = blocks_out::report;
    pool_scene scene(s, options);
    constexpr std::uint8_t holders = 2;
    void* blocks[holders][2];
    const std::size_t counts[holders] = {2, 1};
    for (std::uint8_t holder = 0; holder < holders; ++holder)
      for (std::size_t i = 0; i < counts[holder]; ++i) blocks[holder][i] = scene.get(holder);
    sync::atomic<int> working = holders + 1;
    for (std::uint8_t holder = 0; holder < holders; ++holder)
      s.spawn([&, holder] {
        for (std::size_t i = 0; i < counts[holder]; ++i) scene.put(blocks[holder][i], holder);  // the first one slowly
        working.fetch_sub(1);
      });
    s.spawn([&] {
      scene.end();
      working.fetch_sub(1);
    });
    if (s.choose(2) == 0)
      s.spawn([&] {
        for (; working.load() != 0; sync::spin_pause()) cistern::detail::pool_list::visit_ended();
      });
    s.run();
    left_to_visits += scene.upstream_has_all() ? 0 : 1;
    cistern::detail::pool_list::visit_ended();
    scene.require_upstream_has_all();
  }));
  EXPECT_NE(left_to_visits, 0u);
}

// Nothing is left to a visit where there is no inline path.
TEST(pool_schedules, end_while_a_slow_put_is_under_way) {
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    pool_options options = small_pool();
    options.at_end = blocks_out::report;
    options.zero_on_put = true;
    pool_scene scene(s, options);
    sync::atomic<int> holding = 0;
    for (std::uint8_t holder = 0; holder < 2; ++holder)
      s.spawn([&, holder] {
        void* const block = scene.get(holder);
        holding.fetch_add(1);
        while (holding.load() != 2) sync::spin_pause();
        scene.put(block, holder);
      });
    s.spawn([&] {
      while (holding.load() != 2) sync::spin_pause();
      scene.end();
    });
    s.run();
    scene.require_upstream_has_all();
  }));
}

// Three threads hold two of four blocks at times; each of them gets its two in the end.
TEST(pool_schedules, let_a_waiter_have_what_another_thread_puts) {
  std::uint64_t waits = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    memory_budget budget;
    pool_options options = small_pool();
    options.full = when_full::wait;
    options.max_wait = std::chrono::milliseconds(100);
    options.budget = &budget;
    pool_scene scene(s, options);
    constexpr std::size_t threads = 3, slab = 1024, chunk = 4 * 512;
    constexpr std::size_t cache = cistern::detail::thread_cache::bytes_for(cistern::detail::size_step::count, 1);
    budget.set_limit(budget.used() + threads * cache + 2 * slab + chunk + 512);
    for (std::uint8_t holder = 0; holder < threads; ++holder)
      s.spawn([&, holder] {
        for (std::uint64_t turns = 1 + s.choose(2); turns > 0; --turns) {
          void* const first = scene.get(holder);
          s.require(first != nullptr, "a waiter got nothing");
          void* const second = scene.get(holder);
          s.require(second != nullptr, "a waiter got nothing");
          sync::spin_pause();
          scene.put(first, holder);
          scene.put(second, holder);
        }
      });
    s.run();
    waits += scene.pool->statistics().waits;
    scene.require_all_back();
    s.require(budget.used() == 0, "the budget is not all back");
  }));
  EXPECT_GT(waits, 0) << "nobody ever waited";
}

}  // namespace
}  // namespace cistern::schedules
