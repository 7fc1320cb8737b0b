// SPDX-License-Identifier: MIT
//
// A worker's thread that is stopped by the system, as by a debugger, a freezer or a processor that never comes back:
// while it sleeps, within a task, and anywhere between tasks. The other workers go on.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using cistern::worker_pool;

/// A process that stops single threads of this one and lets them go on.
class freezer {
 public:
  freezer() {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      close(ends_[0]);
      serve(ends_[1]);
    }
    close(ends_[1]);
    if (child_ > 0) prctl(PR_SET_PTRACER, child_, 0, 0, 0);
  }
  ~freezer() {
    close(ends_[0]);
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }
  freezer(const freezer&) = delete;
  freezer& operator=(const freezer&) = delete;

  /// 0, or why the system does not let us.
  int freeze(pid_t thread) { return ask(thread); }
  void thaw() { EXPECT_EQ(ask(0), 0); }

 private:
  int ask(pid_t thread) {
    int answer = ECHILD;
    if (write(ends_[0], &thread, sizeof thread) != sizeof thread) return answer;
    if (read(ends_[0], &answer, sizeof answer) != sizeof answer) return ECHILD;
    return answer;
  }

  // In the child of a fork of a process with threads: system calls only.
  [[noreturn]] static void serve(int end) {
    pid_t frozen = 0;
    for (pid_t asked = 0; read(end, &asked, sizeof asked) == sizeof asked;) {
      int answer = 0;
      if (asked == 0) {
        if (ptrace(PTRACE_DETACH, frozen, nullptr, nullptr) != 0) answer = errno;
      } else if (ptrace(PTRACE_SEIZE, asked, nullptr, nullptr) != 0 ||
                 ptrace(PTRACE_INTERRUPT, asked, nullptr, nullptr) != 0 || waitpid(asked, nullptr, __WALL) != asked) {
        answer = errno;
      } else {
        frozen = asked;
      }
      if (write(end, &answer, sizeof answer) != sizeof answer) break;
    }
    _exit(0);
  }

  std::array<int, 2> ends_{-1, -1};
  pid_t child_ = -1;
};

class frozen_worker : public testing::Test {
 protected:
  static constexpr std::size_t workers = 3;

  void SetUp() override {
    if (CISTERN_TSAN || CISTERN_ASAN) GTEST_SKIP() << "a sanitizer has locks of its own that a stopped thread may hold";
    // The workers' threads, all of them started and named.
    std::atomic<std::size_t> started{0};
    for (std::size_t i = 0; i < workers; ++i)
      pool_.submit([this, &started] {
        threads_[started.fetch_add(1)] = gettid();
        while (started != workers) std::this_thread::yield();
      });
    pool_.wait_idle();
    helpers_.emplace_back([this](const std::stop_token& stop) { submit(stop); });
    if (const int failed = freezer_.freeze(threads_[0]); failed != 0)
      GTEST_SKIP() << "*** NOT TESTED: the system does not let a process stop a thread of its parent by ptrace: "
                   << std::strerror(failed);
    freezer_.thaw();
  }

  /// Whether so many tasks more run within so long; those that a task submits count, too. Takes no lock, which who is
  /// stopped may hold.
  bool goes_on(std::uint64_t tasks, std::chrono::seconds within = 20s) {
    const std::uint64_t before = ran_;
    const auto end = std::chrono::steady_clock::now() + within;
    wanted_ = before + tasks + 9;  // some more, since who is stopped may hold some
    while (ran_ - before < tasks) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(100us);
    }
    return true;
  }
  void wait_until_quiet() {
    while (ran_ != submitted_ || submitted_ < wanted_) std::this_thread::sleep_for(100us);
    pool_.wait_idle();
  }
  /// Like an event loop that does so often, so that a test need not wait for the seconds of the background_reclaimer.
  void let_time_pass() {
    helpers_.emplace_back([](const std::stop_token& stop) {
      for (; !stop.stop_requested(); std::this_thread::sleep_for(2ms))
        cistern::ageing_clock::process().tick(cistern::age_level::tick);
    });
  }
  void submit(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (submitted_ >= wanted_ || submitted_ - ran_ > 4000) {
        std::this_thread::sleep_for(10us);
        continue;
      }
      submitted_ += 3;
      pool_.submit([this] {
        for (int nested = 0; nested < 2; ++nested) pool_.submit([this] { ++ran_; });
        ++ran_;
      });
    }
  }

  freezer freezer_;  // before there are threads
  std::array<pid_t, workers> threads_{};
  std::atomic<std::uint64_t> ran_{0}, submitted_{0};
  std::atomic<std::uint64_t> wanted_{0};
  worker_pool pool_{{.max_workers = workers, .min_workers = workers, .spawn = workers}};
  std::vector<std::jthread> helpers_;
};

TEST_F(frozen_worker, keeps_nobody_from_going_on_while_it_sleeps) {
  for (const pid_t thread : threads_) {
    wait_until_quiet();
    ASSERT_EQ(freezer_.freeze(thread), 0);
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(goes_on(1));
      std::this_thread::sleep_for(1ms);  // the others sleep again
    }
    EXPECT_TRUE(goes_on(20'000));
    freezer_.thaw();
  }
}

TEST_F(frozen_worker, keeps_nobody_from_going_on_while_it_has_a_task) {
  std::atomic<pid_t> runs{0};
  std::atomic<bool> ends{false};
  pool_.submit([&] {
    runs = gettid();
    while (!ends) std::this_thread::yield();
  });
  while (runs == 0) std::this_thread::yield();
  ASSERT_EQ(freezer_.freeze(runs), 0);
  EXPECT_TRUE(goes_on(50'000));
  ends = true;
  freezer_.thaw();
  wait_until_quiet();
}

// Among tasks that are taken from outside, pushed, popped and stolen. It may hold a mutex just then, for which others
// wait until it goes on: that is seldom, and they do go on then.
TEST_F(frozen_worker, keeps_nobody_from_going_on_wherever_it_is_stopped) {
  constexpr int rounds = 60;
  let_time_pass();
  std::mt19937 random(1);
  int held_a_lock = 0;
  for (int round = 0; round < rounds; ++round) {
    wanted_ = ran_ + 1'000'000;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    ASSERT_EQ(freezer_.freeze(threads_[static_cast<std::size_t>(round) % workers]), 0);
    if (!goes_on(20'000, 5s)) ++held_a_lock;  // several times round the queue's ring
    freezer_.thaw();
    ASSERT_TRUE(goes_on(1000)) << "it did not go on";
  }
  std::cout << "of " << rounds << " workers " << held_a_lock << " were stopped with a lock\n";
  EXPECT_LE(held_a_lock, rounds / 10);
  wait_until_quiet();
}

}  // namespace
