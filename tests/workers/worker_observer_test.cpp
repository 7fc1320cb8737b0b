// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::source_site;
using cistern::worker_observer;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;

struct noted : worker_observer {
  std::mutex mutex;
  std::vector<std::string> seen;
  void note(const std::string& what) {
    const std::scoped_lock lock(mutex);
    seen.push_back(what);
  }
  void worker_started(std::size_t index) noexcept override { note("worker " + std::to_string(index)); }
  void worker_ended(std::size_t index) noexcept override { note("end of worker " + std::to_string(index)); }
  void task_started(std::size_t index, const source_site& site) noexcept override {
    EXPECT_EQ(cistern::this_worker::index(), index);
    note("task of line " + std::to_string(site.line));
  }
  void task_ended(std::size_t, const source_site& site, const std::exception_ptr& failure) noexcept override {
    note((failure ? "failure of line " : "end of line ") + std::to_string(site.line));
  }
};

TEST(worker_observer, is_told_of_workers_and_tasks_in_order) {
  noted observer;
  worker_pool_options options = workers(1);
  options.observer = &observer;
  options.on_exception = [](const std::exception_ptr&, const source_site&) {};
  const unsigned line = __LINE__ + 3;
  {
    worker_pool pool(options);
    pool.submit([] {});
    pool.submit([] { throw 1; });
  }
  const auto at = [](unsigned more) { return std::to_string(line + more); };
  EXPECT_THAT(observer.seen,
              testing::ElementsAre("worker 0", "task of line " + at(0), "end of line " + at(0), "task of line " + at(1),
                                   "failure of line " + at(1), "end of worker 0"));
}

TEST(worker_observer, has_one_worker_started_for_one_task) {
  worker_observer nobody_in_particular;
  worker_pool_options options = workers(2);
  options.observer = &nobody_in_particular;
  worker_pool pool(options);
  pool.submit_wait([] {});
  pool.wait_idle();
  EXPECT_EQ(pool.statistics().most_workers, 1u);
}

TEST(worker_observer, may_take_its_time_as_a_worker_starts_while_others_are_woken) {
  struct slow : worker_observer {
    gate second;
    void worker_started(std::size_t index) noexcept override {
      if (index == 1) second.pass();
    }
  } observer;
  worker_pool_options options = workers(2);
  options.spawn = 1;
  options.observer = &observer;
  worker_pool pool(options);
  {
    const busy_worker busy(pool);
    pool.submit([] {});  // starts the second one
    observer.second.until_there_are(1);
  }
  until([&] { return pool.statistics().idle == 1; });
  for (int i = 0; i < 10; ++i) pool.submit_wait([] {});
  observer.second.open();
}

}  // namespace
