// SPDX-License-Identifier: MIT
//
// A million tasks through one deque, whose array grows and shrinks under the thieves: each comes out exactly once, with
// what its owner wrote to it, and old arrays go back as soon as they may.
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/workers/detail/task_deque.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::epoch_domain;
using cistern::statistics_resource;

struct task {
  std::uint64_t written = 0;  // by the owner before the push; plain, so that ThreadSanitizer watches it
  std::uint32_t taken = 0;    // by whoever has got it
};
using deque = cistern::detail::task_deque<task>;

class scene {
 public:
  explicit scene(std::size_t count) : tasks_(count) {}

  void take(task* got) {
    if (got == nullptr) return;
    if (got->written != number_of(*got) + 1 || ++got->taken != 1) wrong.fetch_add(1, std::memory_order_relaxed);
  }

  // Bursts of any length, which are popped wholly or in part; now and then a tick.
  void own() {
    std::mt19937 random(1);
    std::size_t next = 0;
    // The first one is a thief's, however long thieves take to come.
    tasks_[next].written = next + 1;
    if (!own_.push(&tasks_[next++])) ++wrong;
    while (!own_.looks_empty()) std::this_thread::yield();
    while (next < tasks_.size()) {
      std::size_t burst = std::size_t{1} << random() % (random() % 64 == 0 ? 13 : 6);
      for (; burst > 0 && next < tasks_.size(); --burst, ++next) {
        tasks_[next].written = next + 1;
        if (!own_.push(&tasks_[next])) ++wrong;
      }
      for (std::size_t pops = random() % 3 == 0 ? 8192 : random() % 64; pops > 0; --pops) {
        task* const got = own_.pop();
        if (got == nullptr) break;
        take(got);
      }
      if (random() % 256 == 0) own_.trim();
      if (random() % 16 == 0) std::this_thread::yield();
    }
    while (task* const got = own_.pop()) take(got);
    done.store(true, std::memory_order_release);
  }

  std::uint64_t steal_all() {
    std::uint64_t stolen = 0;
    while (!done.load(std::memory_order_acquire)) {
      task* const got = own_.steal();
      take(got);
      if (got != nullptr)
        ++stolen;
      else
        std::this_thread::yield();
    }
    return stolen;
  }

  void collect_often() {
    while (!done.load(std::memory_order_acquire)) {
      domain_.collect();
      std::this_thread::yield();
    }
  }

  void expect_all_taken() const {
    EXPECT_EQ(wrong, 0u);
    std::size_t lost = 0;
    for (const task& each : tasks_) lost += each.taken == 1 ? 0U : 1U;
    EXPECT_EQ(lost, 0u);
    EXPECT_TRUE(own_.looks_empty());
    EXPECT_GT(memory.snapshot().deallocations, 2u) << "no array was ever replaced";
  }

  statistics_resource memory;
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<bool> done{false};

 private:
  std::uint64_t number_of(const task& of) const { return static_cast<std::uint64_t>(&of - tasks_.data()); }

  std::vector<task> tasks_;
  epoch_domain domain_{{.clock = nullptr, .background = false}};
  deque own_{memory, domain_};
};

TEST(task_deque_stress, gives_each_of_a_million_tasks_to_one_thread) {
  const char* const seconds = std::getenv("CISTERN_STRESS_SECONDS");
  const std::uint64_t scale = seconds != nullptr ? std::strtoull(seconds, nullptr, 10) : 1;
  for (std::uint64_t round = 0; round < (CISTERN_ASAN || CISTERN_TSAN ? scale : 4 * scale); ++round) {
    scene on(1'000'000);
    std::atomic<std::uint64_t> stolen{0};
    std::vector<std::thread> threads;
    for (int thief = 0; thief < 3; ++thief) threads.emplace_back([&] { stolen += on.steal_all(); });
    threads.emplace_back([&] { on.collect_often(); });
    on.own();
    for (std::thread& thread : threads) thread.join();
    on.expect_all_taken();
    EXPECT_GT(stolen, 0u);
  }
}

}  // namespace
