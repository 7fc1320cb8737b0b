// SPDX-License-Identifier: MIT
//
// How a worker_pool is made, its threads, and what it does with exceptions.
#include "worker_things.hpp"
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/workers/concurrency.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <chrono>
#include <exception>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

namespace {

using namespace std::chrono_literals;
using cistern::overflow;
using cistern::source_site;
using cistern::worker_affinity;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
using testing::HasSubstr;
using testing::MatchesRegex;

std::string refusal(const worker_pool_options& options) {
  try {
    const worker_pool pool(options);
    return "accepted";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(worker_pool_options, are_refused_when_they_are_wrong_with_the_reason) {
  EXPECT_EQ(refusal({.max_workers = 4097}), "worker_pool_options: max_workers is 4097, and must be 4096 at most");
  EXPECT_EQ(refusal({.when_full = static_cast<cistern::overflow>(9)}),
            "worker_pool_options: when_full has a value that is no overflow");
  EXPECT_EQ(refusal({.affinity = static_cast<cistern::worker_affinity>(7)}),
            "worker_pool_options: affinity has a value that is no worker_affinity");
  EXPECT_EQ(refusal({.max_workers = 2, .min_workers = 3}),
            "worker_pool_options: min_workers is 3, above max_workers, which is 2");
  EXPECT_EQ(refusal({.max_workers = 2, .spawn = 3}), "worker_pool_options: spawn is 3, above max_workers, which is 2");
  EXPECT_THAT(refusal({.queue_bound = std::numeric_limits<std::size_t>::max() - 1}),
              HasSubstr("use worker_pool_options::unbounded for none"));
  EXPECT_EQ(refusal({.queue_bound = 0, .when_full = overflow::drop_oldest}),
            "worker_pool_options: when_full is drop_oldest with a queue_bound of 0: there is nothing queued that could "
            "be dropped");
  EXPECT_EQ(refusal({.idle_timeout = 0ns}), "worker_pool_options: idle_timeout must be above zero");
  EXPECT_EQ(refusal({.max_wait = -1ns}), "worker_pool_options: max_wait must not be negative");
  EXPECT_EQ(refusal({.spin = -1ns}), "worker_pool_options: spin must not be negative");
  EXPECT_EQ(refusal({.arena_block = 0}), "worker_pool_options: arena_block must be above zero, and 1 GiB at most");
  EXPECT_THAT(refusal({.arena_block = (std::size_t{1} << 30) + 1}), HasSubstr("1 GiB at most"));
}

TEST(worker_pool_options, have_defaults_that_fit_the_machine) {
  worker_pool pool;
  EXPECT_EQ(pool.statistics().max_workers, static_cast<std::size_t>(cistern::available_concurrency()));
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
  const worker_pool more({.min_workers = 5});
  EXPECT_GE(more.statistics().max_workers, 5u);
}

TEST(worker_pool, starts_as_many_as_it_is_told_and_the_others_as_tasks_come) {
  worker_pool_options options = workers(3);
  options.spawn = 2;
  worker_pool pool(options);
  EXPECT_EQ(pool.statistics().workers, 2u);
  until([&] { return pool.statistics().idle == 2; });
  {
    const busy_worker one(pool), two(pool);
    EXPECT_EQ(pool.statistics().workers, 2u);
    const busy_worker three(pool);
    EXPECT_EQ(pool.statistics().workers, 3u);
    pool.submit([] {});
    EXPECT_EQ(pool.statistics().workers, 3u);
    EXPECT_EQ(pool.statistics().queued, 1u);
  }
}

TEST(worker_pool, starts_the_minimum_at_once) {
  worker_pool_options options = workers(3);
  options.min_workers = 3;
  EXPECT_EQ(worker_pool(options).statistics().workers, 3u);
}

TEST(worker_pool, starts_no_more_than_are_needed_one_at_a_time) {
  worker_pool pool(workers(8));
  for (int i = 0; i < 100; ++i) {
    pool.submit_wait([] {});
    pool.wait_idle();
  }
  EXPECT_EQ(pool.statistics().workers, 1u);
}

TEST(worker_pool, wakes_the_one_that_went_to_sleep_last) {
  worker_pool pool(workers(3));
  {
    busy_worker one(pool), two(pool), three(pool);
    one.end();
    until([&] { return pool.statistics().idle == 1; });
    three.end();
    until([&] { return pool.statistics().idle == 2; });
    two.end();
    until([&] { return pool.statistics().idle == 3; });
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pool.submit_wait([] { return cistern::this_worker::index(); }), 1u);
    pool.wait_idle();
  }
}

std::string own_name() {
  char name[16];
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

TEST(worker_pool, names_its_threads) {
  worker_pool named(workers(1, "requests")), unnamed(workers(1, "")), longer(workers(1, "a_name_that_is_too_long"));
  EXPECT_EQ(named.submit_wait(own_name), "requests-0");
  EXPECT_EQ(unnamed.submit_wait(own_name), "worker-0");
  EXPECT_EQ(longer.submit_wait(own_name), "a_name_that_i-0");
  EXPECT_EQ(named.name(), "requests");
  EXPECT_EQ(named.statistics().name, "requests");
  EXPECT_EQ(worker_pool(workers(1, std::string(100, 'x'))).name(), std::string(31, 'x'));
}

std::set<std::size_t> own_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  EXPECT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  std::set<std::size_t> found;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) found.insert(cpu);
  return found;
}

// Each worker but the first is started by a task of another.
std::vector<std::set<std::size_t>> processors_of_workers(worker_affinity affinity) {
  worker_pool_options options = workers(2);
  options.affinity = affinity;
  gate other;
  worker_pool pool(options);
  std::vector<std::set<std::size_t>> seen(2);
  pool.submit_wait([&] {
    pool.submit([&] {
      seen[1] = own_processors();
      other.pass();
    });
    seen[0] = own_processors();
    other.until_there_are(1);
    other.open();
  });
  pool.wait_idle();
  return seen;
}

TEST(worker_pool, puts_its_workers_on_one_processor_each_in_turn) {
  const std::set<std::size_t> all = own_processors();
  const auto seen = processors_of_workers(worker_affinity::one_each);
  for (const auto& each : seen) {
    ASSERT_EQ(each.size(), 1u);
    EXPECT_TRUE(all.contains(*each.begin()));
  }
  EXPECT_TRUE(all.size() == 1 || seen[0] != seen[1]);
  const auto free = processors_of_workers(worker_affinity::none);
  EXPECT_EQ(free[0], all);
  EXPECT_EQ(free[1], all);
}

TEST(worker_pool, has_workers_like_the_thread_that_made_it_whichever_starts_them) {
  const std::set<std::size_t> all = own_processors();
  worker_pool pool(workers(1));
  std::set<std::size_t> workers_processors;
  bool is_blocked = true;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(*all.begin(), &one);
    ASSERT_EQ(pthread_setaffinity_np(pthread_self(), sizeof one, &one), 0);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    pool.submit_wait([&] {
      workers_processors = own_processors();
      sigset_t blocked;
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      is_blocked = sigismember(&blocked, SIGUSR1) == 1;
    });
  }).join();
  EXPECT_EQ(workers_processors, all);
  EXPECT_FALSE(is_blocked);
}

// Exceptions.

TEST(worker_exceptions, go_to_the_handler_with_the_site_and_the_worker_lives) {
  std::vector<std::string> handled;
  worker_pool_options options = workers(1);
  options.on_exception = [&](const std::exception_ptr& thrown, const source_site& site) {
    EXPECT_THAT(std::string(site.file), testing::EndsWith("worker_pool_test.cpp"));
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      handled.push_back(std::to_string(site.line) + ' ' + error.what());
    }
  };
  worker_pool pool(options);
  pool.submit([] { throw std::runtime_error("first"); });
  const unsigned line = __LINE__ - 1;
  pool.submit([&] { pool.submit([] { throw std::runtime_error("nested"); }); });
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
  pool.wait_idle();
  EXPECT_THAT(handled, testing::ElementsAre(std::to_string(line) + " first", std::to_string(line + 2) + " nested"));
  EXPECT_EQ(pool.statistics().failed, 2u);
  EXPECT_EQ(pool.statistics().workers, 1u);
}

TEST(worker_exceptions, are_a_line_on_stderr_that_names_the_site_by_default) {
  worker_pool pool(workers(1, "loud"));
  testing::internal::CaptureStderr();
  pool.submit([] { throw std::runtime_error("the reason"); });
  const unsigned line = __LINE__ - 1;
  pool.wait_idle();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("cistern: a task of the worker_pool loud, submitted at .*worker_pool_test.cpp:" +
                           std::to_string(line) + ", threw: the reason\n"));
  testing::internal::CaptureStderr();
  pool.submit([] { throw 5; });
  pool.wait_idle();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("threw: not a std::exception\n"));
}

TEST(worker_exceptions, destroy_the_callable_and_what_it_holds) {
  worker_pool_options options = workers(1);
  options.on_exception = [](const std::exception_ptr&, const source_site&) {};
  worker_pool pool(options);
  const auto witness = std::make_shared<int>(0);
  pool.submit([witness] { throw 1; });
  pool.wait_idle();
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(worker_exceptions_death, of_the_handler_end_the_program) {
  if (CISTERN_TSAN) GTEST_SKIP() << "death tests and threads";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        worker_pool_options options = workers(1);
        options.on_exception = [](const std::exception_ptr&, const source_site&) { throw std::logic_error("again"); };
        worker_pool pool(options);
        pool.submit([] { throw 1; });
        pool.wait_idle();
      },
      "again");
}

}  // namespace
