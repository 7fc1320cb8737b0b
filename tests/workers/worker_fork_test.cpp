// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using cistern::submission;
using cistern::submission_refused;
using cistern::worker_pool;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::workers;

// The child's verdict: nothing where all was as it should be.
std::string in_child(const std::function<std::string()>& checks) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const std::string verdict = checks();
    if (write(ends[1], verdict.data(), verdict.size()) < 0) _exit(2);
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char part[256];
  for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) said += std::string(" ended by ") + strsignal(WTERMSIG(status));
  return said;
}

std::string says_that_it_is_the_parents(worker_pool& pool) {
  if (!pool.is_stopped()) return "is not stopped";
  if (pool.try_submit([] {}) != submission::stopped) return "accepts";
  try {
    pool.submit([] {});
    return "accepts";
  } catch (const submission_refused& refused) {
    if (std::strstr(refused.what(), "was made before a fork") == nullptr) return refused.what();
  }
  try {
    pool.restart();
    return "restarts";
  } catch (const std::logic_error& error) {
    if (std::strstr(error.what(), "in the child of a fork") == nullptr) return error.what();
  }
  return {};
}

TEST(worker_fork, stops_the_childs_pool_which_says_so_and_the_parents_goes_on) {
  std::optional<worker_pool> pool(workers(2));
  pool->submit_wait([] {});
  EXPECT_EQ(in_child([&] {
              std::string verdict = says_that_it_is_the_parents(*pool);
              pool.reset();  // at once
              return verdict;
            }),
            "");
  EXPECT_EQ(pool->submit_wait([] { return 3; }), 3);
}

TEST(worker_fork, leaves_what_is_queued_and_what_runs_to_the_parent) {
  worker_pool pool(bounded(1, 10));
  auto* const ran = static_cast<std::atomic<int>*>(
      mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::optional<busy_worker> busy(std::in_place, pool);
  pool.submit([&] { pool.submit([&] { ++*ran; }); });
  for (int i = 0; i < 9; ++i) pool.submit([&] { ++*ran; });
  for (int way = 0; way < 6; ++way)
    EXPECT_EQ(in_child([&]() -> std::string {
                switch (way) {
                  case 0:
                    return pool.stop().ended ? "" : "not ended";
                  case 1:
                    return pool.stop_and_discard().ended ? "" : "not ended";
                  case 2:
                    pool.wait_paused();
                    return {};
                  case 3:
                    pool.wait_idle();
                    return {};
                  case 4:
                    if (pool.statistics().running != 0) return "a task runs";
                    return pool.running_tasks().empty() ? "" : "a task runs";
                  default:
                    pool.pause();
                    pool.resume();
                    pool.resize(1, 4);
                    pool.request_stop();
                    cistern::ageing_clock::process().tick();
                    return pool.statistics().workers == 0 ? "" : "has workers";
                }
              }),
              "")
        << way;
  EXPECT_EQ(*ran, 0);
  busy.reset();
  pool.wait_idle();
  EXPECT_EQ(*ran, 10);
  munmap(ran, sizeof *ran);
}

TEST(worker_fork, leaves_results_of_before_that_are_over_and_refuses_waits_for_others) {
  worker_pool pool(workers(1));
  auto done = pool.submit_result([] { return 7; });
  done.wait();
  std::optional<busy_worker> busy(std::in_place, pool);
  auto queued = pool.submit_result([] { return 8; });
  EXPECT_EQ(in_child([&]() -> std::string {
              if (done.get() != 7) return "another value";
              try {
                queued.wait();
              } catch (const std::logic_error& error) {
                return error.what();
              }
              return "waited";
            }),
            "a result<T> from before a fork is waited for in the child: its task is the parent's");
  busy.reset();
  EXPECT_EQ(queued.get(), 8);
}

TEST(worker_fork, may_be_called_while_tasks_come_and_go) {
  worker_pool pool(workers(2));
  std::atomic<bool> end{false};
  std::thread submits([&] {
    while (!end) pool.submit_wait([&] { pool.submit([] {}); });
  });
  // The child allocates nothing: AddressSanitizer's malloc may be locked there by a thread that is gone.
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(in_child([&]() -> std::string {
                return pool.is_stopped() && pool.try_submit([] {}) == submission::stopped ? "" : "accepts";
              }),
              "");
  end = true;
  submits.join();
}

TEST(worker_fork, may_be_called_by_a_task) {
  worker_pool pool(workers(1));
  EXPECT_EQ(pool.submit_wait([&] {
    return in_child([&]() -> std::string {
      if (cistern::this_worker::index()) return "is a worker";
      return says_that_it_is_the_parents(pool);
    });
  }),
            "");
  EXPECT_EQ(pool.submit_wait([] { return 3; }), 3);
}

TEST(worker_fork, ends_with_the_task_that_forked_in_the_child_and_runs_nothing_more) {
  if (CISTERN_TSAN || CISTERN_ASAN) GTEST_SKIP() << "a sanitizer does not bear the end of a thread in such a child";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  worker_pool pool(workers(1));
  const pid_t parent = getpid();
  std::atomic<pid_t> child{0};
  pool.pause();
  pool.submit([&] {
    const pid_t made = fork();
    if (made == 0) alarm(20);
    child = made;
  });
  for (int i = 0; i < 10; ++i) {
    pool.submit([&] {
      const char who = getpid() == parent ? 'p' : 'c';
      EXPECT_EQ(write(ends[1], &who, 1), 1);
    });
  }
  pool.resume();
  pool.wait_idle();
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;  // its only thread has ended
  close(ends[1]);
  std::string said;
  char part[64];
  for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(got));
  close(ends[0]);
  EXPECT_EQ(said, "pppppppppp");
}

TEST(worker_fork, lets_the_child_have_pools_of_its_own) {
  if (CISTERN_TSAN) GTEST_SKIP() << "ThreadSanitizer has no threads in such a child";
  worker_pool pool(workers(1));
  pool.submit_wait([] {});
  EXPECT_EQ(in_child([]() -> std::string {
              worker_pool own(workers(2));
              return own.submit_wait([] { return 3; }) == 3 ? "" : "wrong";
            }),
            "");
}

}  // namespace
