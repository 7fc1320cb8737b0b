// SPDX-License-Identifier: MIT
#include <schedules/scheduler.hpp>
#include <schedules/worker_scene.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

constexpr exploration_options some{.schedules = default_schedules / 5}, fewer{.schedules = default_schedules / 10};

/// Two workers, of which some live already, and which look for work a little or not at all.
worker_pool_options any_crew(scheduler& s, std::size_t workers = 2) {
  worker_pool_options options = worker_scene::small(workers);
  options.spawn = s.choose(workers + 1);
  if (s.choose(4) == 0) options.spin = std::chrono::microseconds(4);
  return options;
}

// One task waits for another one, so that may not lie while a worker sleeps: where they come as it goes to sleep, or is
// started, or looks for work.
TEST(crew_schedules, leave_no_task_lying_while_a_worker_sleeps) {
  std::uint64_t parks = 0, wakes = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_scene scene(s, any_crew(s));
    event other_ran;
    s.spawn([&] { scene.submit_then([&] { other_ran.wait(); }); });
    s.spawn([&] { scene.submit_then([&] { other_ran.set(); }); });
    s.spawn([&] {
      scene.wait_for(2);
      scene.submit_often(1);
      scene.wait_for(3);
      scene.stop();
    });
    s.run();
    const auto now = scene.pool->statistics();
    parks += now.parks;
    wakes += now.wakes;
    scene.require_all_run();
  }));
  EXPECT_GT(parks, 0) << "nobody ever slept";
  EXPECT_GT(wakes, 0) << "nobody was ever woken";
}

// Each of three workers is needed, and who finds a task wakes the next one.
TEST(crew_schedules, hand_the_search_on_until_all_work) {
  EXPECT_TRUE(explore(fewer, [](scheduler& s) {
    worker_scene scene(s, any_crew(s, 3));
    event second_ran, third_ran;
    s.spawn([&] {
      scene.submit_then([&] { second_ran.wait(); });
      scene.submit_then([&] {
        third_ran.wait();
        second_ran.set();
      });
    });
    s.spawn([&] { scene.submit_then([&] { third_ran.set(); }); });
    s.spawn([&] {
      scene.wait_for(3);
      scene.stop();
    });
    s.run();
    scene.require_all_run();
  }));
}

// What a task submits lies in its worker's deque; another worker must come for it.
TEST(crew_schedules, steal_what_a_task_submits_and_waits_for) {
  std::uint64_t steals = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_scene scene(s, any_crew(s));
    event inner_ran;
    s.spawn([&] {
      scene.submit_then([&] {
        scene.submit_then([&] { inner_ran.set(); });
        inner_ran.wait();
      });
    });
    s.spawn([&] { scene.submit_often(1); });
    s.spawn([&] {
      scene.wait_for(3);
      scene.stop();
    });
    s.run();
    steals += scene.pool->statistics().steals;
    scene.require_all_run();
  }));
  EXPECT_GT(steals, 0) << "nobody ever stole";
}

TEST(crew_schedules, start_nothing_while_paused_and_lose_nothing) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    worker_scene scene(s, any_crew(s));
    bool is_quiet = false;
    const auto look = [&] { s.require(!is_quiet, "a task runs in a paused pool"); };
    s.spawn([&] {
      scene.pool->pause();
      s.require(scene.pool->wait_paused(), "a wait without a deadline ended");
      is_quiet = true;
      s.require(scene.running() == 0, "a task runs in a paused pool");
      scene.submit_then(look);
      s.yield();
      is_quiet = false;
      scene.pool->resume();
    });
    for (int i = 0; i < 2; ++i) s.spawn([&] { scene.submit_then(look); });
    s.spawn([&] {
      scene.wait_for(3);
      scene.stop();
    });
    s.run();
    scene.require_all_run();
  }));
}

// What is accepted is run, or dropped where the stop discards; with nested tasks, and with a restart after that.
TEST(crew_schedules, account_for_all_that_is_submitted_around_a_stop) {
  std::uint64_t refused = 0, dropped = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_scene scene(s, any_crew(s));
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        const auto first = scene.submit_then([&] { scene.submit(); });
        const auto second = scene.submit();
        for (const auto what : {first, second}) {
          s.require(what == submission::accepted || what == submission::stopped, "a submission came to another end");
          refused += what == submission::stopped ? 1U : 0U;
        }
      });
    s.spawn([&] {
      const bool discards = s.choose(2) == 0;
      const std::uint32_t before = scene.dropped();
      const stop_report report = scene.stop(discards);
      s.require(report.discarded == scene.dropped() - before, "discarded tasks were miscounted");
      s.require(discards || report.discarded == 0, "a drain discarded");
      dropped += report.discarded;
      if (s.choose(2) == 0) return;
      scene.pool->restart();
      scene.submit_often(1);
      scene.stop();
    });
    s.run();
    scene.require_all_accounted_for();
  }));
  EXPECT_GT(refused, 0) << "the stop was always too late";
  EXPECT_GT(dropped, 0) << "the stop was always too late";
}

TEST(crew_schedules, stop_twice_at_a_time) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    worker_scene scene(s, any_crew(s));
    s.spawn([&] {
      scene.submit_then([&] { scene.submit(); });
      scene.submit();
    });
    for (int i = 0; i < 2; ++i) s.spawn([&] { scene.stop(s.choose(2) == 0); });
    s.run();
    scene.require_all_accounted_for();
  }));
}

// A worker that is too many leaves, with what is in its deque handed over; in the end there are two again, and needed.
TEST(crew_schedules, lose_nothing_as_there_are_fewer_workers_and_more_again) {
  EXPECT_TRUE(explore(fewer, [](scheduler& s) {
    worker_pool_options options = any_crew(s);
    options.spawn = 2;
    worker_scene scene(s, options);
    event other_ran;
    s.spawn([&] {
      scene.pool->resize(s.choose(2), 1);
      scene.pool->resize(s.choose(3), 2);
    });
    s.spawn([&] {
      scene.submit_then([&] {
        scene.submit_then([&] { other_ran.set(); });
        scene.submit();
      });
      scene.submit_then([&] { other_ran.wait(); });
    });
    s.spawn([&] {
      scene.wait_for(4);
      scene.stop();
    });
    s.run();
    scene.require_all_run();
  }));
}

// The only worker ends as a task comes: another one is started for it.
TEST(crew_schedules, start_a_worker_for_what_comes_as_an_idle_one_ends) {
  std::uint64_t starts = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_pool_options options = any_crew(s, 1 + s.choose(2));
    options.idle_timeout = std::chrono::microseconds(1 + s.choose(20));
    worker_scene scene(s, options);
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 2; ++turn) {
          scene.submit_often(1);
          if (s.choose(2) == 0) scene.world.clock.tick(age_level::tick);
        }
      });
    s.spawn([&] {
      scene.wait_for(4);
      scene.stop();
    });
    s.run();
    starts += scene.world.threads_started();
    scene.require_all_run();
  }));
  EXPECT_GT(starts, 4 * some.schedules / 3) << "hardly a worker ended";
}

// Room for one. Who waits has no deadline, so each gets it in the end; others give up as room comes.
TEST(crew_schedules, give_room_to_each_who_waits) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    worker_pool_options options = any_crew(s, 1);
    options.queue_bound = s.choose(3);
    worker_scene scene(s, options);
    const submit_options waits{.when_full = overflow::wait};
    for (int i = 0; i < 3; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 2; ++turn)
          s.require(scene.submit(&waits) == submission::accepted, "a waiter got no room");
      });
    s.spawn([&] {
      scene.wait_for(6);
      scene.stop();
    });
    s.run();
    scene.require_all_run();
  }));
}

TEST(crew_schedules, give_room_to_others_when_one_gives_up) {
  std::uint64_t timed_out = 0, cancelled = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_pool_options options = any_crew(s, 1);
    options.queue_bound = 1;
    worker_scene scene(s, options);
    std::stop_source source;
    sync::atomic<std::uint32_t> left{3};
    event all_left;
    const auto one_left = [&] {
      if (left.fetch_sub(1) == 1) all_left.set();
    };
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        const submit_options waits{.when_full = overflow::wait};
        for (int turn = 0; turn < 2; ++turn)
          s.require(scene.submit(&waits) == submission::accepted, "a waiter got no room");
        one_left();
      });
    s.spawn([&] {
      submit_options impatient{.when_full = overflow::wait};
      if (s.choose(2) == 0)
        impatient.deadline = sync::now() + std::chrono::microseconds(s.choose(30));
      else
        impatient.stop = source.get_token();
      const submission what = scene.submit(&impatient);
      timed_out += what == submission::timed_out ? 1U : 0U;
      cancelled += what == submission::cancelled ? 1U : 0U;
      one_left();
    });
    s.spawn([&] { source.request_stop(); });
    s.spawn([&] {
      all_left.wait();
      scene.wait_for(scene.accepted_so_far());
      scene.stop();
    });
    s.run();
    scene.require_all_accounted_for();
  }));
  EXPECT_GT(timed_out, 0) << "no deadline ever passed in a wait";
  EXPECT_GT(cancelled, 0) << "no wait was ever cancelled";
}

// The one worker is busy until all of them have gone, so none gets room by its work.
TEST(crew_schedules, send_those_who_wait_for_room_away_at_a_stop) {
  std::uint64_t sent_away = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_pool_options options = any_crew(s, 1);
    options.queue_bound = s.choose(2);
    if (options.queue_bound != 0 && s.choose(2) == 0) options.when_full = overflow::drop_oldest;
    worker_scene scene(s, options);
    event all_left;
    sync::atomic<std::uint32_t> left{3};
    scene.submit_then([&] { all_left.wait(); });
    for (int i = 0; i < 3; ++i)
      s.spawn([&] {
        const submit_options as_the_pool{};
        for (int turn = 0; turn < 2; ++turn) {
          const submission what = scene.submit(&as_the_pool);
          s.require(what == submission::accepted || what == submission::stopped, "a submission came to another end");
          sent_away += what == submission::stopped ? 1U : 0U;
        }
        if (left.fetch_sub(1) == 1) all_left.set();
      });
    s.spawn([&] { scene.stop(s.choose(2) == 0); });
    s.run();
    scene.require_all_accounted_for();
  }));
  EXPECT_GT(sent_away, 0) << "the stop was always too late";
}

// A worker stands still for good, perhaps as the one that looks for work, perhaps with a task: the other one runs the
// rest, at a tick or two. Seldom it stands still with a lock, or about to wake the one who wants that: then that one
// cannot, either.
TEST(crew_schedules, go_on_when_a_worker_never_does) {
  std::size_t tried = 0, rest_ran = 0, locked = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_pool_options options = any_crew(s);
    options.spawn = 2;
    worker_scene scene(s, options);
    scene.world.first_freezes_after = 1 + s.choose(128);
    s.spawn([&] {
      scene.submit_often(2);
      if (s.choose(2) == 0) scene.wait_for(1);
      scene.submit_often(2);
      for (int ticks = 0; scene.ended() < 3 && ticks < 30; ++ticks) {
        scene.world.clock.tick(age_level::tick);
        for (int turn = 0; scene.ended() < 3 && turn < 10; ++turn) sync::yield();
      }
      ++tried;
      if (scene.ended() < 3) s.require(++locked < 10 + tried / 200, "all stand still");  // 14 of 20,000 do
      rest_ran += scene.ended() == 3 ? 1U : 0U;
      scene.wait_for(4);
      scene.submit_often(1);  // it is counted right as it goes on
      scene.wait_for(5);
      scene.stop();
    });
    s.run();
    scene.require_all_run();
  }));
  EXPECT_GT(rest_ran, 0u) << "no worker ever stood still with a task";
}

// Threads that cannot be started: others do the work, and after a tick a start is tried again.
TEST(crew_schedules, leave_no_task_lying_when_a_thread_cannot_be_started) {
  std::uint64_t failed = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    worker_pool_options options = any_crew(s, 3);
    options.spawn = 1;
    worker_scene scene(s, options);
    scene.world.fails_to_start = 1 + s.choose(2);
    const std::uint32_t each = 1 + static_cast<std::uint32_t>(s.choose(2));
    for (int i = 0; i < 2; ++i) s.spawn([&] { scene.submit_often(each); });
    s.spawn([&] {
      scene.wait_for(2 * each);
      scene.stop();
    });
    s.run();
    failed += scene.pool->statistics().failed_starts;
    scene.require_all_run();
  }));
  EXPECT_GT(failed, 0) << "no start ever failed";
}

}  // namespace
}  // namespace cistern::schedules
