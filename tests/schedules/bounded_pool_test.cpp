// SPDX-License-Identifier: MIT
#include <cistern/pools/bounded_pool.hpp>
#include <schedules/bounded_scene.hpp>
#include <schedules/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

class bounded_schedules : public testing::Test {
 protected:
  static void SetUpTestSuite() { bounded_scene::before_all(); }
};

// A deadline may pass at any moment here, so who is to be served must have none: then a lost wake is a deadlock.
constexpr auto forever = std::chrono::nanoseconds::max();

bounded_pool_options by_total(std::chrono::nanoseconds wait = {}) { return {.by = bound::total, .max_wait = wait}; }

// A stripe of two, and two threads to which its bias goes in turn; a third one comes to it as a visitor.
TEST_F(bounded_schedules, keep_each_thing_in_one_place_as_biases_move) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_scene scene(s, 1 + s.choose(3));
    if (s.choose(2) == 0) scene.warm(1);
    for (std::uint8_t holder = 1; holder < 4; ++holder) s.spawn([&, holder] { scene.work(holder, 4); });
    s.run();
    scene.require_all_back();
  }));
}

TEST_F(bounded_schedules, have_no_more_than_the_limit_in_all) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_scene scene(s, 2, {.by = s.choose(2) == 0 ? bound::total : bound::total_or_extra});
    for (std::uint8_t holder = 1; holder < 4; ++holder) s.spawn([&, holder] { scene.work(holder, 3); });
    s.run();
    scene.require_all_back();
  }));
}

// Two threads, of different stripes, that take turns.
class turns {
 public:
  void wait_for(int turn) {
    while (turn_.load() != turn) sync::spin_pause();
  }
  void end() { turn_.fetch_add(1); }

 private:
  sync::atomic<int> turn_ = 0;
};

// Of two things the two threads hold one at most, so one is always kept, though now here and now there: as a third
// looks at one stripe and at the other.
TEST_F(bounded_schedules, find_what_is_kept_anywhere) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_scene scene(s, 2, by_total());
    auto one = scene.get(1), other = scene.get(2);
    turns next;
    const auto put = [&](bounded_scene::handle& held, std::uint8_t holder) {
      if (held) scene.put(held, holder);
    };
    s.spawn([&] {
      auto held = std::move(one);
      for (int turn = 0; turn < 8; turn += 4) {
        next.wait_for(turn);
        put(held, 1);
        next.end();
        next.wait_for(turn + 3);
        held = scene.try_get(1);
        next.end();
      }
      put(held, 1);
    });
    s.spawn([&] {
      auto held = std::move(other);
      put(held, 2);
      for (int turn = 0; turn < 8; turn += 4) {
        next.wait_for(turn + 1);
        held = scene.try_get(2);
        next.end();
        next.wait_for(turn + 2);
        put(held, 2);
        next.end();
      }
    });
    s.spawn([&] {
      while (scene.pool->kept() == 0) sync::spin_pause();  // at first both are out
      auto held = scene.try_get(3);
      s.require(static_cast<bool>(held), "a kept thing was not found");
      scene.put(held, 3);
    });
    s.run();
    scene.require_all_back();
  }));
}

// The same of places, of which one is always free.
TEST_F(bounded_schedules, find_room_anywhere) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_scene scene(s, 2);
    auto one = scene.get(1), other = scene.get(2), third = scene.get(3);
    turns next;
    s.spawn([&] {
      auto held = std::move(one);
      for (int turn = 0; turn < 8; turn += 4) {
        next.wait_for(turn);
        scene.put(held, 1);
        held = scene.get(1);
        next.end();
        next.wait_for(turn + 2);
        scene.put(held, 1);
        next.end();
        next.wait_for(turn + 3);
        held = scene.get(1);
        next.end();
      }
      scene.discard(held, 1);
    });
    s.spawn([&] {
      auto held = std::move(other);
      for (int turn = 0; turn < 8; turn += 4) {
        next.wait_for(turn + 1);
        scene.put(held, 2);
        held = scene.get(2);
        next.end();
      }
      scene.discard(held, 2);
    });
    s.spawn([&] {
      auto held = std::move(third);
      scene.put(held, 3);
    });
    s.run();
    s.require(scene.pool->statistics().overflowed == 0, "a thing was dropped though there was room");
    scene.require_all_back();
  }));
}

// Each of three has the one thing in the end, or a new one in its place.
TEST_F(bounded_schedules, let_everybody_have_the_only_thing_in_turn) {
  std::uint64_t waits = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    bounded_scene scene(s, 1, by_total(forever));
    if (s.choose(2) == 0) scene.warm(1);
    for (std::uint8_t holder = 1; holder < 4; ++holder)
      s.spawn([&, holder] {
        auto held = scene.get(holder);
        s.require(static_cast<bool>(held), "a waiter got nothing");
        s.yield();
        if (s.choose(3) == 0)
          scene.discard(held, holder);
        else
          scene.put(held, holder);
      });
    s.run();
    waits += scene.pool->statistics().waits;
    scene.require_all_back();
  }));
  EXPECT_GT(waits, 0) << "nobody ever waited";
}

// A put and a deadline come at the same time; in the end nobody waits, and what there is can be got.
TEST_F(bounded_schedules, lose_nothing_as_deadlines_pass) {
  std::uint64_t handovers = 0, failures = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    bounded_scene scene(s, 1, by_total(std::chrono::microseconds(1 + s.choose(50))));
    for (std::uint8_t holder = 1; holder < 4; ++holder)
      s.spawn([&, holder] {
        auto held = scene.get(holder);
        s.yield();
        if (!held) return;
        if (s.choose(3) == 0)
          scene.discard(held, holder);
        else
          scene.put(held, holder);
      });
    s.run();
    const auto now = scene.pool->statistics();
    handovers += now.handovers;
    failures += now.failures;
    for (int turn = 0; turn < 2; ++turn) {
      auto last = scene.try_get(0);
      s.require(static_cast<bool>(last), "nothing can be got though nobody has anything");
      scene.put(last, 0);
    }
    scene.require_all_back();
  }));
  EXPECT_GT(handovers, 0) << "nobody was ever served";
  EXPECT_GT(failures, 0) << "no deadline ever passed";
}

TEST_F(bounded_schedules, let_puts_wait_for_room_and_lose_none) {
  std::uint64_t waits = 0, drops = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    const bool patient = s.choose(2) == 0;
    bounded_pool_options options;
    options.max_put_wait = patient ? forever : std::chrono::microseconds(1 + s.choose(50));
    bounded_scene scene(s, 1, options);
    bounded_scene::handle all[2];
    for (auto& each : all) each = scene.get(1);
    sync::atomic<int> putting = 2;
    for (int i = 0; i < 2; ++i)
      s.spawn([&, i] {
        auto held = std::move(all[i]);
        scene.put(held, 1);
        putting.fetch_sub(1);
      });
    s.spawn([&] {
      while (putting.load() != 0) {
        sync::spin_pause();
        if (scene.pool->kept() == 0) continue;
        auto held = scene.get(2);
        scene.discard(held, 2);
      }
    });
    s.run();
    const auto now = scene.pool->statistics();
    waits += now.put_waits;
    drops += now.overflowed;
    scene.require_all_back();
  }));
  EXPECT_GT(waits, 0) << "no put ever waited";
  EXPECT_GT(drops, 0) << "no put ever gave up";
}

TEST_F(bounded_schedules, may_end_while_others_put) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_pool_options options;
    if (s.choose(2) == 0) options.max_put_wait = forever;
    bounded_scene scene(s, 2, options);
    scene.warm(2);
    bounded_scene::handle all[4];
    for (auto& each : all) each = scene.get(1);
    for (int i = 0; i < 2; ++i)
      s.spawn([&, i] {
        auto first = std::move(all[2 * i]), second = std::move(all[2 * i + 1]);
        scene.put(first, 1);
        scene.put(second, 1);
      });
    s.spawn([&] { scene.end(); });
    s.run();
    scene.require_nothing_left();
  }));
}

TEST_F(bounded_schedules, leave_nothing_in_a_pool_that_closed_while_threads_worked) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_scene scene(s, 2, s.choose(2) == 0 ? by_total(forever) : bounded_pool_options{});
    if (s.choose(2) == 0) scene.warm(2);
    for (std::uint8_t holder = 1; holder < 3; ++holder)
      s.spawn([&, holder] {
        for (int turn = 0; turn < 3; ++turn) {
          auto held = scene.get(holder);
          if (!held) return;
          scene.put(held, holder);
        }
      });
    s.spawn([&] { scene.pool->close(); });
    s.run();
    s.require(!scene.get(0), "a closed pool gave a thing");
    s.require(scene.things() == 0, "a thing is left in a closed pool");
    scene.require_all_back();
  }));
}

TEST_F(bounded_schedules, destroy_only_what_is_idle_as_a_ticker_visits) {
  std::uint64_t aged = 0;
  EXPECT_TRUE(explore({}, [&](scheduler& s) {
    bounded_scene scene(s, 3);
    if (s.choose(2) == 0) scene.warm(2);
    for (std::uint8_t holder = 1; holder < 3; ++holder) s.spawn([&, holder] { scene.work(holder, 4); });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn)
        if (s.choose(4) == 0)
          scene.pool->clear();
        else
          scene.clock.tick(s.choose(2) == 0 ? age_level::tick : age_level::pressure);
    });
    s.run();
    aged += scene.pool->statistics().aged;
    scene.require_all_back();
  }));
  EXPECT_GT(aged, 0) << "nothing ever left";
}

// A thread that has ended has no seat: it goes by the mutexes.
TEST_F(bounded_schedules, serve_threads_that_have_ended) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    bounded_scene scene(s, 2);
    s.spawn([&] {
      sync::words().state = thread_words::life::dead;
      scene.work(1, 4);
    });
    s.spawn([&] { scene.work(2, 4); });
    s.run();
    scene.require_all_back();
  }));
}

}  // namespace
}  // namespace cistern::schedules
