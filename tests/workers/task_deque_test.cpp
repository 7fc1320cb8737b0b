// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/workers/detail/task_deque.hpp>
#include <contracts/every_allocation.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory_resource>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::statistics_resource;
using deque = cistern::detail::task_deque<int>;

// Tasks are known by their places in here.
std::array<int, 5000> tasks;

constexpr std::size_t array_bytes(std::size_t slots) { return 64 + slots * sizeof(int*); }

void push(deque& to, std::size_t first, std::size_t end) {
  for (; first < end; ++first) ASSERT_TRUE(to.push(&tasks[first]));
}
void expect_popped(deque& from, std::size_t end, std::size_t first) {
  while (end-- > first) ASSERT_EQ(from.pop(), &tasks[end]);
}
void expect_stolen(deque& from, std::size_t first, std::size_t end) {
  for (; first < end; ++first) ASSERT_EQ(from.steal(), &tasks[first]);
}

/// A deque, its memory, and a domain that nobody else moves.
struct watched {
  statistics_resource memory;
  epoch_domain domain{{.clock = nullptr, .background = false}};
  deque own{memory, domain};

  std::size_t bytes() const { return memory.snapshot().live_bytes; }
  std::size_t bytes_collected() {
    for (int turn = 0; turn < 4; ++turn) domain.collect();
    return bytes();
  }
};

TEST(task_deque, is_empty_at_first_and_has_allocated_nothing) {
  watched on;
  EXPECT_EQ(on.own.pop(), nullptr);
  EXPECT_EQ(on.own.steal(), nullptr);
  on.own.trim();
  EXPECT_TRUE(on.own.looks_empty());
  EXPECT_EQ(on.own.size(), 0u);
  EXPECT_EQ(on.bytes(), 0u);
}

TEST(task_deque, pops_what_was_pushed_last) {
  watched on;
  push(on.own, 0, 10);
  expect_popped(on.own, 10, 4);
  push(on.own, 4, 7);
  expect_popped(on.own, 7, 0);
  EXPECT_EQ(on.own.pop(), nullptr);
}

TEST(task_deque, lets_the_oldest_be_stolen) {
  watched on;
  push(on.own, 0, 10);
  expect_stolen(on.own, 0, 6);
  push(on.own, 10, 12);
  expect_stolen(on.own, 6, 12);
  EXPECT_EQ(on.own.steal(), nullptr);
}

TEST(task_deque, serves_both_ends_until_they_meet) {
  watched on;
  for (std::size_t count = 1; count < 8; ++count) {
    push(on.own, 0, count);
    std::size_t first = 0, end = count;
    while (first < end) {
      EXPECT_EQ(on.own.size(), end - first);
      EXPECT_FALSE(on.own.looks_empty());
      ASSERT_EQ(on.own.steal(), &tasks[first++]);
      if (first < end) {
        ASSERT_EQ(on.own.pop(), &tasks[--end]);
      }
    }
    EXPECT_TRUE(on.own.looks_empty());
    EXPECT_EQ(on.own.pop(), nullptr);
    EXPECT_EQ(on.own.steal(), nullptr);
  }
}

TEST(task_deque, goes_round_its_array_without_growing) {
  watched on;
  push(on.own, 0, 60);
  for (std::size_t i = 0; i + 60 < tasks.size(); ++i) {
    ASSERT_EQ(on.own.steal(), &tasks[i]);
    push(on.own, i + 60, i + 61);
  }
  expect_popped(on.own, tasks.size(), tasks.size() - 60);
  EXPECT_EQ(on.bytes(), array_bytes(64));
}

TEST(task_deque, keeps_the_order_as_it_grows_in_the_middle_of_a_round) {
  watched on;
  push(on.own, 0, 50);
  expect_stolen(on.own, 0, 40);
  push(on.own, 50, 2000);
  EXPECT_EQ(on.own.size(), 1960u);
  expect_stolen(on.own, 40, 1000);
  expect_popped(on.own, 2000, 1000);
  EXPECT_EQ(on.bytes_collected(), array_bytes(2048));
}

TEST(task_deque, holds_as_many_as_its_array_has_slots) {
  watched on;
  push(on.own, 0, 64);
  EXPECT_EQ(on.bytes(), array_bytes(64));
  push(on.own, 64, 65);
  EXPECT_EQ(on.bytes_collected(), array_bytes(128));
  expect_stolen(on.own, 0, 65);
}

// The upstream has the old arrays back when no thief can read them any more, and not before.
TEST(task_deque, keeps_a_replaced_array_while_a_region_lasts) {
  watched on;
  {
    const epoch_guard guard(on.domain);
    push(on.own, 0, 65);
    EXPECT_EQ(on.bytes_collected(), array_bytes(64) + array_bytes(128));
    EXPECT_EQ(on.domain.statistics().pending_bytes, array_bytes(64));
  }
  EXPECT_EQ(on.bytes_collected(), array_bytes(128));
}

TEST(task_deque, gives_a_burst_s_memory_back_at_the_second_trim_after_it) {
  watched on;
  push(on.own, 0, 5000);
  expect_popped(on.own, 5000, 0);
  on.own.trim();
  push(on.own, 0, 3);
  EXPECT_EQ(on.bytes_collected(), array_bytes(8192)) << "the period that ends here had the burst";
  on.own.trim();
  EXPECT_EQ(on.bytes_collected(), array_bytes(8192)) << "the period before had it";
  on.own.trim();
  EXPECT_EQ(on.bytes_collected(), array_bytes(64));
  expect_popped(on.own, 3, 0);
}

TEST(task_deque, keeps_an_array_that_each_period_needs) {
  watched on;
  for (int period = 0; period < 10; ++period) {
    push(on.own, 0, 1000);
    expect_stolen(on.own, 0, 1000);
    on.own.trim();
    EXPECT_EQ(on.bytes_collected(), array_bytes(1024));
  }
  for (int period = 0; period < 10; ++period) {
    if (period % 2 == 0) {
      push(on.own, 0, 1000);
      expect_popped(on.own, 1000, 0);
    }
    on.own.trim();
    EXPECT_EQ(on.bytes_collected(), array_bytes(1024)) << "each other period is enough";
  }
  EXPECT_EQ(on.memory.snapshot().allocations, 5u) << "of 64, 128, 256, 512 and 1024 slots";
}

TEST(task_deque, shrinks_to_what_the_last_periods_needed) {
  watched on;
  push(on.own, 0, 5000);
  expect_stolen(on.own, 0, 5000);
  on.own.trim();
  for (int period = 0; period < 2; ++period) {
    push(on.own, 0, 200);
    expect_popped(on.own, 200, 0);
    on.own.trim();
  }
  EXPECT_EQ(on.bytes_collected(), array_bytes(256));
}

TEST(task_deque, loses_nothing_when_it_is_trimmed_though_tasks_lie_there) {
  watched on;
  push(on.own, 0, 5000);
  expect_stolen(on.own, 0, 2000);
  expect_popped(on.own, 5000, 2100);
  for (int period = 0; period < 3; ++period) on.own.trim();
  EXPECT_EQ(on.bytes_collected(), array_bytes(128)) << "a hundred tasks are there";
  push(on.own, 2100, 2300);
  expect_stolen(on.own, 2000, 2100);
  expect_popped(on.own, 2300, 2100);
}

TEST(task_deque, refuses_a_task_when_it_cannot_grow_and_keeps_the_others) {
  cistern::fail_nth_resource failing(2, cistern::failure_mode::transient);
  deque own(failing);
  push(own, 0, 64);
  EXPECT_FALSE(own.push(&tasks[64]));
  EXPECT_EQ(own.size(), 64u);
  push(own, 64, 66);
  expect_stolen(own, 0, 33);
  expect_popped(own, 66, 33);
}

TEST(task_deque, loses_no_task_whichever_allocation_fails) {
  cistern::contracts::every_allocation("task_deque", [](std::pmr::memory_resource& memory) {
    epoch_domain domain({.clock = nullptr, .background = false});
    deque own(memory, domain);
    std::vector<int*> there;
    for (std::size_t round = 0; round < 6; ++round) {
      for (std::size_t i = 0; i < (round < 2 ? 700 : 100); ++i)
        if (own.push(&tasks[i])) there.push_back(&tasks[i]);
      ASSERT_EQ(own.size(), there.size());
      own.trim();
      for (std::size_t left = there.size() / 2; left > 0; --left, there.pop_back()) ASSERT_EQ(own.pop(), there.back());
      for (std::size_t i = 0; i < there.size(); ++i) ASSERT_EQ(own.steal(), there[i]);
      there.clear();
      ASSERT_EQ(own.pop(), nullptr);
    }
  });
}

TEST(task_deque, has_its_upstream_get_everything_back_as_it_ends) {
  statistics_resource memory;
  {
    deque own(memory);  // in the default domain, which nobody asks to collect
    push(own, 0, 5000);
    for (int period = 0; period < 3; ++period) own.trim();
  }
  EXPECT_EQ(memory.snapshot().live_bytes, 0u);
  EXPECT_EQ(memory.snapshot().live_blocks, 0u);
}

TEST(task_deque, gives_each_task_to_one_of_many_threads) {
  watched on;
  constexpr std::size_t count = tasks.size();
  std::vector<int*> got[3];
  std::atomic<bool> done{false};
  std::vector<std::thread> thieves;
  for (std::size_t thief = 1; thief < 3; ++thief)
    thieves.emplace_back([&, thief] {
      while (!done || !on.own.looks_empty())
        if (int* const task = on.own.steal()) got[thief].push_back(task);
    });
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_TRUE(on.own.push(&tasks[i]));
    if (i % 3 == 0)
      if (int* const task = on.own.pop()) got[0].push_back(task);
  }
  done = true;
  for (auto& thief : thieves) thief.join();
  std::vector<int*> all;
  for (const auto& each : got) all.insert(all.end(), each.begin(), each.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), count);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(all[i], &tasks[i]);
}

}  // namespace
