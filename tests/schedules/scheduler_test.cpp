// SPDX-License-Identifier: MIT
// The scheduler itself: a tool that finds nothing would pass everything.
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/sync.hpp>
#include <schedules/scheduler.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

template <class T>
using atomic = sync::atomic<T>;

const auto two_additions_in_two_steps = [](scheduler& s) {
  atomic<int> sum = 0;
  for (int i = 0; i < 2; ++i) s.spawn([&] { sum.store(sum.load() + 1); });
  s.run();
  s.require(sum.load() == 2, "an addition was lost");
};

TEST(scheduler, finds_a_lost_update_with_either_strategy) {
  for (const auto strategy : {schedule_strategy::random, schedule_strategy::priorities}) {
    const exploration found = explore({.schedules = 1000, .strategy = strategy}, two_additions_in_two_steps);
    EXPECT_EQ(found.failure, "an addition was lost");
  }
}

TEST(scheduler, reproduces_a_failure_from_its_seed) {
  const exploration found = explore({.schedules = 1000}, two_additions_in_two_steps);
  ASSERT_FALSE(found);
  for (int i = 0; i < 3; ++i) {
    const exploration again = replay(found.seed, {}, two_additions_in_two_steps);
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.trace, found.trace);
  }
}

TEST(scheduler, replays_the_seed_that_the_environment_names) {
  const exploration found = explore({.schedules = 1000}, two_additions_in_two_steps);
  ASSERT_FALSE(found);
  setenv("CISTERN_SCHEDULE_SEED", std::to_string(found.seed).c_str(), 1);
  const exploration again = explore({}, two_additions_in_two_steps);
  setenv("CISTERN_SCHEDULE_SEED", "x1", 1);
  EXPECT_THROW(explore({}, two_additions_in_two_steps), std::invalid_argument);
  unsetenv("CISTERN_SCHEDULE_SEED");
  EXPECT_EQ(again.schedules, 1u);
  EXPECT_EQ(again.failure, found.failure);
  EXPECT_EQ(again.trace, found.trace);
}

TEST(scheduler, tells_the_steps_and_how_to_run_them_again) {
  std::ostringstream text;
  text << explore({.schedules = 1000}, two_additions_in_two_steps);
  EXPECT_THAT(text.str(), HasSubstr("failed: an addition was lost"));
  EXPECT_THAT(text.str(), HasSubstr("fibre 0: load A = 0\n"));
  EXPECT_THAT(text.str(), HasSubstr("fibre 1: store A = 1\n"));
  EXPECT_THAT(text.str(), HasSubstr("CISTERN_SCHEDULE_SEED=0x"));
}

TEST(scheduler, reaches_every_interleaving) {
  std::set<std::string> seen;
  EXPECT_TRUE(explore({.schedules = 2000, .strategy = schedule_strategy::random}, [&](scheduler& s) {
    std::string order;
    for (const char name : {'a', 'b'})
      s.spawn([&order, &s, name] {
        for (int i = 0; i < 3; ++i) {
          s.yield();
          order += name;
        }
      });
    s.run();
    seen.insert(order);
  }));
  EXPECT_EQ(seen.size(), 20u) << "ways to interleave three steps with three";
}

TEST(scheduler, stops_fibres_by_priority_and_lets_either_go_on_first) {
  std::set<std::string> seen;
  EXPECT_TRUE(explore({.schedules = 2000, .strategy = schedule_strategy::priorities}, [&](scheduler& s) {
    std::string order;
    for (const char name : {'a', 'b'})
      s.spawn([&order, &s, name] {
        for (int i = 0; i < 3; ++i) {
          s.yield();
          order += name;
        }
      });
    s.run();
    seen.insert(order);
  }));
  EXPECT_TRUE(seen.contains("abaabb")) << "a, stopped first, goes on first";
  EXPECT_TRUE(seen.contains("abbaab")) << "b goes on first and is stopped again";
}

TEST(scheduler, reports_a_deadlock_with_who_is_parked) {
  const exploration found = explore({.schedules = 10}, [](scheduler& s) {
    atomic<std::uint32_t> never = 0;
    s.spawn([&] {
      while (never.load() == 0) sync::park(never, 0);
    });
    s.spawn([&s] { s.yield(); });
    s.run();
  });
  EXPECT_EQ(found.failure, "deadlock: fibre 0 is parked on A, fibre 1 is done");
}

TEST(scheduler, reports_a_livelock) {
  const exploration found = explore({.schedules = 10, .max_steps = 100}, [](scheduler& s) {
    atomic<int> never = 0;
    s.spawn([&] {
      while (never.load() == 0) sync::spin_pause();
    });
    s.run();
  });
  EXPECT_THAT(found.failure, HasSubstr("livelock"));
}

TEST(scheduler, lets_a_spinning_fibre_wait_for_another_under_every_strategy) {
  EXPECT_TRUE(explore({.schedules = 2000}, [](scheduler& s) {
    atomic<int> flag = 0;
    s.spawn([&] {
      while (flag.load() == 0) sync::spin_pause();
    });
    s.spawn([&] { flag.store(1); });
    s.run();
  }));
}

TEST(scheduler, wakes_only_who_is_parked_on_the_word) {
  const exploration found = explore({.schedules = 100}, [](scheduler& s) {
    atomic<std::uint32_t> one = 0, other = 0;
    s.spawn([&] {
      while (one.load() == 0) sync::park(one, 0);
    });
    s.spawn([&] {
      one.store(1);
      sync::unpark_all(other);
    });
    s.run();
  });
  EXPECT_THAT(found.failure, HasSubstr("deadlock"));
}

TEST(scheduler, parks_not_when_the_word_has_changed) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    atomic<std::uint32_t> word = 0;
    s.spawn([&] { sync::park(word, 1); });
    s.run();
  }));
}

TEST(scheduler, wakes_now_and_then_for_no_reason) {
  int without_reason = 0;
  (void)explore({.schedules = 1000}, [&](scheduler& s) {
    atomic<std::uint32_t> word = 0;
    s.spawn([&] {
      if (sync::park_until(word, 0, sync::now() + 1h)) ++without_reason;
    });
    s.run();
  });
  EXPECT_GT(without_reason, 10);
  EXPECT_LT(without_reason, 200);
}

TEST(scheduler, lets_a_frozen_fibre_go_on_only_when_nobody_else_can) {
  std::array<bool, 4> seen{};
  EXPECT_TRUE(explore({.schedules = 1000}, [&](scheduler& s) {
    int steps = 0, others = 0;
    s.spawn_freezing(1 + s.choose(3), [&] {
      for (; steps < 3; ++steps) s.yield();
      s.require(others == 2, "it went on before the others");
    });
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 20; ++turn) s.yield();
        seen[static_cast<std::size_t>(steps)] = true;
        ++others;
      });
    s.run();
    s.require(steps == 3, "it did not go on");
  }));
  EXPECT_TRUE(seen[0] && seen[1] && seen[2] && !seen[3]);
}

TEST(scheduler, lets_a_frozen_fibre_give_back_a_lock_that_another_one_waits_for) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    mutex held;
    s.spawn_freezing(1 + s.choose(4), [&] {
      const std::scoped_lock lock(held);
      s.yield();
    });
    s.spawn([&] { const std::scoped_lock lock(held); });
    s.run();
  }));
}

TEST(scheduler, finds_who_spins_until_a_frozen_fibre_goes_on) {
  const exploration found = explore({.schedules = 100, .max_steps = 1000}, [](scheduler& s) {
    bool is_done = false;
    s.spawn_freezing(1, [&] {
      s.yield();
      is_done = true;
    });
    s.spawn([&] {
      while (!is_done) sync::yield();
    });
    s.run();
  });
  EXPECT_NE(found.failure.find("a livelock"), std::string::npos) << found;
}

TEST(scheduler, jumps_to_the_deadline_when_all_sleep) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    atomic<std::uint32_t> word = 0;
    const auto start = s.now();
    for (const int hours : {2, 1})
      s.spawn([&, hours] {
        const auto deadline = sync::clock::time_point(start) + std::chrono::hours(hours);
        while (sync::park_until(word, 0, deadline)) {
        }
        s.require(s.now() >= start + std::chrono::hours(hours), "woken before the deadline");
      });
    s.run();
    s.require(s.now() < start + 2h + 1s, "slept too long");
  }));
}

TEST(scheduler, lets_a_deadline_race_with_the_wake) {
  std::set<bool> seen;
  EXPECT_TRUE(explore({.schedules = 2000}, [&](scheduler& s) {
    atomic<std::uint32_t> word = 0;
    s.spawn([&] { seen.insert(sync::park_until(word, 0, sync::now() + 1ms)); });
    s.spawn([&] {
      word.store(1);
      sync::unpark_one(word);
    });
    s.run();
  }));
  EXPECT_EQ(seen.size(), 2u);
}

TEST(scheduler, ends_a_loop_that_waits_for_the_clock) {
  EXPECT_TRUE(explore({.schedules = 10}, [](scheduler& s) {
    s.spawn([] {
      const auto deadline = sync::now() + 100us;
      while (sync::now() < deadline) sync::spin_pause();
    });
    s.run();
  }));
}

TEST(scheduler, sleeps_until_the_time_has_come) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    const sync::clock::time_point wanted(s.now() + 1h);
    s.spawn([&] {
      sync::sleep_until(wanted);
      s.require(sync::now() >= wanted, "slept too short");
    });
    s.spawn([&] { s.yield(); });
    s.run();
  }));
}

TEST(scheduler, is_a_thread_of_its_own_in_each_fibre) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    static int ended;
    ended = 0;
    std::set<const void*> words = {&sync::words()};
    std::set<std::uint32_t> ids = {sync::thread_id()};
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        s.require(sync::words().state == thread_words::life::uninitialised, "the words are another thread's");
        sync::words().state = thread_words::life::live;
        sync::at_thread_exit([]() noexcept { ended += sync::words().state == thread_words::life::live ? 1 : 100; });
        s.yield();
        words.insert(&sync::words());
        ids.insert(sync::thread_id());
      });
    s.run();
    s.require(words.size() == 3 && ids.size() == 3 && !ids.contains(0), "two threads look like one");
    s.require(ended == 2, "not called at each thread's exit exactly once");
  }));
}

TEST(scheduler, gives_statics_their_values_back_after_a_failure) {
  static constinit atomic<int> locked = 0;
  const auto body = [](scheduler& s) {
    s.spawn([&s] {
      s.require(locked.exchange(1) == 0, "left locked by another schedule");
      s.fail("while it was locked");
    });
    s.run();
  };
  EXPECT_EQ(explore({.schedules = 10}, body).failure, "while it was locked");
  EXPECT_EQ(locked.peek(), 0);
}

TEST(scheduler, keeps_exceptions_of_fibres_apart) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    for (int number = 0; number < 3; ++number)
      s.spawn([&s, number] {
        try {
          try {
            throw number;
          } catch (...) {
            s.yield();
            throw;
          }
        } catch (const int caught) {
          s.yield();
          s.require(caught == number, "caught another fibre's exception");
        }
      });
    s.run();
  }));
}

TEST(scheduler, fails_for_an_exception_that_leaves_a_fibre) {
  const auto found = explore({.schedules = 1}, [](scheduler& s) {
    s.spawn([] { throw std::runtime_error("too late"); });
    s.run();
  });
  EXPECT_EQ(found.failure, "fibre 0 threw: too late");
}

TEST(scheduler, fails_when_the_body_forgets_to_run) {
  const auto found = explore({.schedules = 1}, [](scheduler& s) { s.spawn([] {}); });
  EXPECT_THAT(found.failure, HasSubstr("did not call run()"));
}

TEST(scheduler, says_when_a_seed_is_not_enough) {
  int calls = 0;
  const auto found = explore({.schedules = 10}, [&](scheduler& s) { s.require(++calls != 3, "the third"); });
  EXPECT_THAT(found.failure, HasSubstr("not reproduced"));
}

TEST(scheduler, orders_stores_and_loads_across_a_fence) {
  EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
    atomic<int> x = 0, y = 0;
    int seen_x = -1, seen_y = -1;
    s.spawn([&] {
      sync::store_then_fence(x, 1);
      seen_y = y.load();
    });
    s.spawn([&] {
      y.store(1);
      seen_x = sync::fence_then_load(x);
    });
    s.run();
    s.require(seen_x == 1 || seen_y == 1, "both stores were overlooked");
  }));
}

}  // namespace
}  // namespace cistern::schedules
