// SPDX-License-Identifier: MIT
//
// Submissions that race with everything that a worker_pool can be told, pools by the thousand, and submissions at the
// end of threads and of the program.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::overflow;
using cistern::worker_pool;
using cistern::worker_pool_options;

std::uint64_t scale() {
  const char* const seconds = std::getenv("CISTERN_STRESS_SECONDS");
  return seconds != nullptr ? std::strtoull(seconds, nullptr, 10) : 1;
}

// Every task of the race: that it runs once at most, only when it was accepted, and is destroyed in any case.
struct race {
  explicit race(std::size_t tasks) : runs(std::make_unique<std::atomic<std::uint8_t>[]>(tasks)), count(tasks) {}

  struct entrant {
    race* in;
    std::size_t number;
    entrant(race& of, std::size_t as) : in(&of), number(as) { of.there.fetch_add(1, std::memory_order_relaxed); }
    entrant(entrant&& other) noexcept : in(std::exchange(other.in, nullptr)), number(other.number) {}
    ~entrant() {
      if (in != nullptr) in->there.fetch_sub(1, std::memory_order_relaxed);
    }
    void operator()() const {
      in->runs[number].fetch_add(1, std::memory_order_relaxed);
      in->has_begun.store(true, std::memory_order_relaxed);
    }
  };

  std::unique_ptr<std::atomic<std::uint8_t>[]> runs;
  const std::size_t count;
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> there{0};
  std::atomic<bool> has_begun{false};  // a task has run
};

// The ways in, from outside and (every eighth) from inside. The accepted ones are marked.
void submit(worker_pool& pool, race& of, std::vector<std::atomic<std::uint8_t>>& accepted_ones, std::mt19937& random) {
  const std::size_t number = of.next.fetch_add(1);
  if (number >= of.count) return;
  race::entrant entrant(of, number);
  bool is_accepted = false;
  switch (random() % 8) {
    case 0:
      is_accepted = accepted(pool.submit_for(std::chrono::microseconds(random() % 50), std::move(entrant)));
      break;
    case 1:
      try {
        const auto let_go = pool.submit_result({.when_full = overflow::reject}, std::move(entrant));
        is_accepted = true;
      } catch (const cistern::submission_refused&) {
      }
      break;
    case 2: {  // the outer one counts as nothing, and says for the inner one
      if (!accepted(pool.try_submit([&pool, &accepted_ones, number, inner = std::move(entrant)]() mutable {
            if (accepted(pool.try_submit(std::move(inner)))) accepted_ones[number] = 1;
          })))
        break;
      return;
    }
    default:
      is_accepted = accepted(pool.try_submit(std::move(entrant)));
  }
  if (is_accepted) accepted_ones[number] = 1;
}

void control(worker_pool& pool, const std::atomic<bool>& end, std::uint64_t& told_discarded) {
  std::mt19937 random(1);
  while (!end) {
    switch (random() % 6) {
      case 0:
        pool.stop();
        pool.restart();
        break;
      case 1:
        pool.stop_and_discard();
        pool.restart();
        break;
      case 2:
        pool.pause();
        pool.resume();
        break;
      case 3:
        cistern::ageing_clock::process().tick();
        break;
      default: {
        const std::size_t most = 1 + random() % 8;
        pool.resize(random() % (most + 1), most);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
  }
  told_discarded = pool.stop().discarded;
}

TEST(worker_stress, runs_or_discards_each_task_that_it_accepted_in_a_race_with_stops_and_resizes) {
  const std::size_t tasks = (CISTERN_TSAN || CISTERN_ASAN ? 100'000 : 1'000'000) * scale();
  for (const std::size_t bound : {worker_pool_options::unbounded, std::size_t{100}, std::size_t{0}}) {
    worker_pool pool({.name = "stressed", .max_workers = 4, .queue_bound = bound});
    race all(tasks);
    std::vector<std::atomic<std::uint8_t>> accepted_ones(tasks);
    std::vector<std::thread> submitters;
    for (unsigned line = 0; line < 4; ++line)
      submitters.emplace_back([&, line] {
        std::mt19937 random(line);
        while (all.next < all.count) submit(pool, all, accepted_ones, random);
      });
    std::atomic<bool> end{false};
    std::uint64_t told = 0;
    // All tasks may be submitted before this machine gives a worker its turn; then there is no race, and all are run.
    while (!all.has_begun) std::this_thread::yield();
    std::thread controls([&] { control(pool, end, told); });
    for (auto& each : submitters) each.join();
    end = true;
    controls.join();
    std::uint64_t ran = 0, wrong = 0;
    for (std::size_t i = 0; i < tasks; ++i) {
      ran += all.runs[i];
      if (all.runs[i] > accepted_ones[i]) ++wrong;
    }
    const auto now = pool.statistics();
    EXPECT_EQ(wrong, 0u) << "a task has run twice, or without being accepted";
    EXPECT_EQ(all.there, 0);
    EXPECT_EQ(now.submitted, now.completed + now.discarded) << to_string(now);
    EXPECT_EQ(now.queued + now.nested + now.running, 0u) << to_string(now);
    std::uint64_t accepted_count = 0;
    for (const auto& each : accepted_ones) accepted_count += each;
    EXPECT_GE(accepted_count, ran);
    EXPECT_LE(accepted_count - ran, now.discarded);
    EXPECT_GT(ran, 0u);
    std::cout << tasks << " submissions: " << now.completed << " tasks completed, " << now.discarded << " discarded, "
              << now.rejected << " rejected\n";
  }
}

// "Threads:" and "VmRSS:" of this process, in kB for the latter.
std::size_t status(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (word == field) {
      std::size_t value = 0;
      file >> value;
      return value;
    }
  return 0;
}

void use_a_pool(int turn) {
  worker_pool_options options{.name = "one of many", .max_workers = 1 + static_cast<std::size_t>(turn) % 4};
  options.spawn = static_cast<std::size_t>(turn) % 2;
  worker_pool pool(options);
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i)
    pool.submit([&] {
      pool.submit([&] { ++ran; });
      ++ran;
    });
  if (turn % 3 == 0) pool.stop_and_discard();
  if (turn % 3 == 1) pool.wait_idle();
}

TEST(worker_stress, leaves_no_thread_and_no_memory_behind_in_a_thousand_pools) {
  const int pools = CISTERN_TSAN || CISTERN_ASAN ? 100 : 1000;
  for (int turn = 0; turn < pools / 5; ++turn) use_a_pool(turn);
  const std::size_t threads = status("Threads:"), memory = status("VmRSS:");
  for (int turn = 0; turn < pools; ++turn) use_a_pool(turn);
  const auto limit = std::chrono::steady_clock::now() + 10s;  // the kernel is done with a thread soon after its join
  while (status("Threads:") > threads && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_LE(status("Threads:"), threads);
  EXPECT_TRUE(CISTERN_TSAN || CISTERN_ASAN || status("VmRSS:") <= memory + 2048) << memory << " kB before";
}

// A thread's last words: a task from the destructor of a thread_local object, also of a worker that ends.
struct last_words {
  worker_pool* to = nullptr;
  std::atomic<int>* ran = nullptr;
  std::atomic<int>* accepted_tasks = nullptr;
  ~last_words() {
    if (to != nullptr && accepted(to->try_submit([counts = ran] { ++*counts; }))) ++*accepted_tasks;
  }
  static void leave(worker_pool& pool, std::atomic<int>& runs, std::atomic<int>& accepted_ones) {
    thread_local last_words words;
    words.to = &pool;
    words.ran = &runs;
    words.accepted_tasks = &accepted_ones;
  }
};

TEST(worker_stress, accepts_tasks_from_threads_that_end) {
  std::atomic<int> ran{0}, accepted_tasks{0};
  {
    worker_pool_options options{.name = "last words", .max_workers = 4};
    options.idle_timeout = 200us;  // workers come and go
    worker_pool pool(options);
    std::vector<std::thread> lines;
    for (int line = 0; line < 2; ++line)
      lines.emplace_back([&] {
        for (int turn = 0; turn < 300; ++turn) {
          std::thread([&] { last_words::leave(pool, ran, accepted_tasks); }).join();
          pool.submit([&] { last_words::leave(pool, ran, accepted_tasks); });
          if (turn % 10 == 0) {
            cistern::ageing_clock::process().tick();
            std::this_thread::sleep_for(500us);
          }
        }
      });
    for (auto& each : lines) each.join();
    EXPECT_TRUE(pool.wait_idle());
    pool.stop();
  }
  EXPECT_EQ(ran, accepted_tasks);
  EXPECT_GE(accepted_tasks, 600);
}

// The older static object is destroyed after the pool, and sees that all has run.
struct says_at_exit {
  std::atomic<int> ran{0};
  ~says_at_exit() { std::fprintf(stderr, "%d tasks have run\n", ran.load()); }
};

TEST(worker_stress, runs_what_is_queued_in_a_static_pool_at_exit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        static says_at_exit all;
        static worker_pool pool({.name = "static", .max_workers = 2});
        for (int i = 0; i < 1000; ++i)
          pool.submit([] {
            ++all.ran;
            pool.submit([] { ++all.ran; });
          });
        std::exit(0);
      },
      testing::ExitedWithCode(0), "2000 tasks have run");
}

}  // namespace
