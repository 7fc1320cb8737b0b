// SPDX-License-Identifier: MIT
#include <cistern/pools/object_pool.hpp>
#include <schedules/object_scene.hpp>
#include <schedules/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

// The race of top and limit: the thief has nothing of its own, and takes half of what the owner has from below. What it
// has taken it destroys at times, so that it comes again.
TEST(object_schedules, leave_an_object_to_its_owner_or_to_a_thief) {
  std::uint64_t steals = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    object_scene scene(s);
    s.spawn([&] {
      scene.warm(2);
      for (int turn = 0; turn < 2; ++turn) {
        auto first = scene.get(0), second = scene.get(0);
        scene.put(first, 0);
        scene.put(second, 0);
      }
    });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) {
        auto held = scene.get(1);
        if (s.choose(2) == 0)
          scene.put(held, 1);
        else
          scene.discard(held, 1);
      }
    });
    s.run();
    steals += scene.pool->statistics().steals;
    scene.require_all_back();
  }));
  EXPECT_GT(steals, 0) << "nobody ever stole";
}

// Here there are also whole magazines to take: a spare, and a full one in the stash.
TEST(object_schedules, keep_each_object_in_one_place_as_two_thieves_come_to_an_owner) {
  std::uint64_t steals = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    object_scene<3> scene(s);
    s.spawn([&] {
      scene.warm(3 + s.choose(4));
      scene.work(0, 3);
    });
    for (std::uint8_t holder = 1; holder < 3; ++holder) s.spawn([&, holder] { scene.work(holder, 2); });
    s.run();
    steals += scene.pool->statistics().steals;
    scene.require_all_back();
  }));
  EXPECT_GT(steals, 0) << "nobody ever stole";
}

TEST(object_schedules, destroy_only_what_is_idle_as_a_ticker_visits) {
  std::uint64_t aged = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    object_scene scene(s);
    for (std::uint8_t holder = 0; holder < 2; ++holder) s.spawn([&, holder] { scene.work(holder, 4); });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) scene.tick(s.choose(2) == 0 ? age_level::tick : age_level::pressure);
    });
    s.run();
    aged += scene.pool->statistics().aged;
    scene.require_all_back();
  }));
  EXPECT_GT(aged, 0) << "nothing ever left";
}

TEST(object_schedules, destroy_only_what_two_ticks_have_seen_idle) {
  std::uint64_t aged = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    object_scene scene(s, {.ageing = object_ageing::two_ticks});
    for (std::uint8_t holder = 0; holder < 2; ++holder) s.spawn([&, holder] { scene.work(holder, 3); });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) scene.tick();
    });
    s.run();
    aged += scene.pool->statistics().aged;
    scene.require_all_back();
  }));
  EXPECT_GT(aged, 0) << "nothing ever left";
}

// A tick and a clear at the same time have the same magazines to empty.
TEST(object_schedules, destroy_each_object_once_though_two_empty_the_pool) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(s);
    scene.warm(4);
    s.spawn([&] { scene.work(0, 3); });
    s.spawn([&] { scene.tick(age_level::pressure); });
    s.spawn([&] { scene.pool->clear(); });
    s.run();
    scene.require_all_back();
  }));
}

// What was on its way as the pool closed may lie in a magazine, and is gone after the next tick.
TEST(object_schedules, leave_nothing_in_a_pool_that_closed_while_threads_worked) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(s);
    if (s.choose(2) == 0) scene.warm(2);
    for (std::uint8_t holder = 0; holder < 2; ++holder) s.spawn([&, holder] { scene.work(holder, 5); });
    s.spawn([&] { scene.close(); });
    s.run();
    s.require(!scene.get(0), "a closed pool gave an object");
    scene.tick();
    s.require(scene.objects() == 0, "an object is left in a closed pool after a tick");
    scene.require_all_back();
  }));
}

TEST(object_schedules, destroy_in_a_close_what_was_idle_though_others_put) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(s);
    sync::atomic<int> holding = 0;
    for (std::uint8_t holder = 0; holder < 2; ++holder)
      s.spawn([&, holder] {
        auto first = scene.get(holder), second = scene.get(holder);
        scene.put(first, holder);
        holding.fetch_add(1);
        scene.put(second, holder);
      });
    s.spawn([&] {
      while (holding.load() != 2) sync::spin_pause();
      scene.close_and_require_idle_gone();
    });
    s.run();
    scene.require_all_back();
  }));
}

// Each of three has the one object in the end, or a new one in its place.
TEST(object_schedules, let_everybody_have_the_only_object_in_turn) {
  std::uint64_t waits = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    object_scene scene(s, {.max_total = 1, .max_wait = std::chrono::milliseconds(100)});
    for (std::uint8_t holder = 0; holder < 3; ++holder)
      s.spawn([&, holder] {
        auto held = scene.get(holder);
        s.require(static_cast<bool>(held), "a waiter got nothing");
        s.yield();
        if (s.choose(2) == 0)
          scene.put(held, holder);
        else
          scene.discard(held, holder);
      });
    s.run();
    waits += scene.pool->statistics().waits;
    scene.require_all_back();
  }));
  EXPECT_GT(waits, 0) << "nobody ever waited";
}

TEST(object_schedules, keep_min_idle_through_all_ticks) {
  constexpr std::size_t least = 2;
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(
        s, {.min_idle = least, .ageing = s.choose(2) == 0 ? object_ageing::working_set : object_ageing::two_ticks});
    scene.warm(least + s.choose(2));
    for (std::uint8_t holder = 0; holder < 2; ++holder) s.spawn([&, holder] { scene.work(holder, 2); });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) scene.tick();
    });
    s.run();
    s.require(scene.idle() >= least, "fewer are idle than min_idle");
    for (int turn = 0; turn < 4; ++turn) scene.tick();
    s.require(scene.idle() >= least, "fewer are idle than min_idle");
    s.require(scene.idle() == least, "more stay than min_idle though nobody needs them");
    scene.require_all_back();
  }));
}

// Two have lain in a magazine for long enough, two more in the depot, from where a thread takes them as the tick counts
// what is idle: they may not be counted twice.
TEST(object_schedules, keep_min_idle_though_a_magazine_moves_as_a_tick_counts) {
  constexpr std::size_t least = 3;
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(s, {.min_idle = least});
    scene.warm(2);
    scene.tick();
    sync::atomic<bool> ready = false;
    s.spawn([&] {
      scene.warm(5);
      for (int i = 0; i < 3; ++i) {
        auto own = scene.get(0);
        scene.discard(own, 0);
      }
      ready.store(true);
      scene.work(0, 2);
    });
    s.spawn([&] {
      while (!ready.load()) sync::spin_pause();
      scene.tick();
    });
    s.run();
    s.require(scene.objects() >= least, "fewer are idle than min_idle");
    scene.require_all_back();
  }));
}

TEST(object_schedules, put_an_object_of_several_owners_exactly_once) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(s);
    using shared = object_scene<>::shared;
    constexpr std::uint8_t all = 7;
    shared owned[2];
    std::uint32_t owners = 2;
    owned[0] = scene.get(all).share();
    owned[1] = owned[0];
    for (std::uint8_t holder = 0; holder < 2; ++holder)
      s.spawn([&, holder] {
        shared mine = std::move(owned[holder]);
        if (s.choose(2) == 0) {
          ++owners;
          shared copy = mine;
          scene.let_go(copy, all, owners);
        }
        scene.let_go(mine, all, owners);
        mine.reset();
        scene.work(holder, 1);
      });
    s.run();
    scene.require_all_back();
  }));
}

// A thread that has ended has no magazine to put into: what it puts is destroyed, and is not idle.
TEST(object_schedules, count_as_idle_what_is_idle_where_a_thread_puts_after_its_end) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    object_scene scene(s, {.max_idle = 2});
    s.spawn([&] {
      sync::words().state = thread_words::life::dead;
      scene.work(0, 4);
    });
    s.spawn([&] { scene.work(1, 4); });
    s.spawn([&] { scene.tick(age_level::pressure); });
    s.run();
    const std::size_t idle = scene.idle();
    s.require(scene.pool->warm(2) == 2 - idle, "idle ones were miscounted");
    s.require(scene.idle() == 2, "idle ones were miscounted");
    scene.require_all_back();
  }));
}

}  // namespace
}  // namespace cistern::schedules
