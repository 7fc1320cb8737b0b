// SPDX-License-Identifier: MIT
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/workers/detail/task_queue.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::source_site;
using cistern::statistics_resource;
using cistern::task;
using cistern::detail::filler_for;
using cistern::detail::task_queue;
using outcome = task_queue::outcome;

std::pmr::memory_resource& memory() { return *std::pmr::new_delete_resource(); }

template <class F>
outcome push(task_queue& queue, F&& callable) {
  auto filler = filler_for(std::forward<F>(callable), source_site::current());
  return queue.push(filler);
}

bool run_next(task_queue& queue) {
  task next;
  if (!queue.pop(next)) return false;
  next();
  return true;
}

TEST(task_queue, gives_tasks_back_first_in_first_out) {
  task_queue queue(memory());
  EXPECT_TRUE(queue.looks_empty());
  EXPECT_FALSE(run_next(queue));
  int next = 0;
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(push(queue, [&next, i] { EXPECT_EQ(next++, i); }), outcome::accepted);
  EXPECT_FALSE(queue.looks_empty());
  EXPECT_EQ(queue.size(), 10'000u);
  while (run_next(queue)) {
  }
  EXPECT_EQ(next, 10'000);
  EXPECT_TRUE(queue.looks_empty());
  EXPECT_EQ(queue.pushed(), 10'000u);
  EXPECT_EQ(queue.popped(), 10'000u);
}

TEST(task_queue, goes_round_its_chunks_without_taking_more) {
  statistics_resource counted(&memory());
  task_queue queue(counted);
  int ran = 0;
  for (int i = 0; i < 100'000; ++i) {
    push(queue, [&] { ++ran; });
    push(queue, [&] { ++ran; });
    run_next(queue);
    run_next(queue);
  }
  EXPECT_EQ(ran, 200'000);
  EXPECT_LE(queue.chunk_count(), 2u);
}

TEST(task_queue, drops_what_is_left_at_its_end) {
  const auto witness = std::make_shared<int>(0);
  {
    task_queue queue(memory());
    for (int i = 0; i < 3000; ++i) push(queue, [witness] {});
    EXPECT_EQ(witness.use_count(), 3001);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(task_queue, takes_66_bytes_for_each_task_that_waits) {
  statistics_resource counted(&memory());
  task_queue queue(counted);
  constexpr std::size_t tasks = 100'000;
  for (std::size_t i = 0; i < tasks; ++i) push(queue, [] {});
  EXPECT_LE(counted.snapshot().live_bytes, 66 * tasks);
  EXPECT_EQ(counted.snapshot().live_bytes, queue.chunk_count() * task_queue::chunk_bytes());
  for (task left; queue.pop(left);) left = task();
}

TEST(task_queue, refuses_when_it_is_closed_and_keeps_what_it_has) {
  task_queue queue(memory());
  int ran = 0;
  push(queue, [&] { ++ran; });
  queue.close();
  queue.close();
  const auto refused = [&] { return push(queue, [&ran, kept = std::make_unique<int>(1)] { ++ran; }); };
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(refused(), outcome::closed);
  EXPECT_EQ(queue.pushed(), 1u);
  EXPECT_EQ(queue.size(), 1u);
  while (run_next(queue)) {
  }
  EXPECT_EQ(ran, 1);
  queue.open();
  queue.open();
  EXPECT_EQ(refused(), outcome::accepted);
  EXPECT_EQ(queue.pushed(), 2u);
  EXPECT_TRUE(run_next(queue));
  EXPECT_EQ(ran, 2);
}

TEST(task_queue, closes_and_opens_at_any_place_in_a_chunk) {
  task_queue queue(memory());
  int ran = 0;
  for (int round = 0; round < 2500; ++round) {
    EXPECT_EQ(push(queue, [&] { ++ran; }), outcome::accepted);
    queue.close();
    EXPECT_EQ(push(queue, [&] { ++ran; }), outcome::closed);
    EXPECT_TRUE(round % 3 != 0 || run_next(queue));
    queue.open();
  }
  while (run_next(queue)) {
  }
  EXPECT_EQ(ran, 2500);
}

// A task that nobody has touched when there is no memory for its chunk.
TEST(task_queue, loses_nothing_when_there_is_no_memory_for_a_chunk) {
  cistern::fail_nth_resource failing(2, cistern::failure_mode::persistent, &memory());
  task_queue queue(failing);
  int sum = 0;
  struct parcel {
    std::unique_ptr<int> content;
    int* sum;
    void operator()() const { *sum += *content; }
  };
  int accepted = 0;
  parcel next{std::make_unique<int>(5), &sum};
  while (push(queue, std::move(next)) == outcome::accepted) {
    ++accepted;
    next.content = std::make_unique<int>(5);
  }
  EXPECT_GT(accepted, 1000);
  for (int i = 0; i < 3000; ++i) {
    EXPECT_EQ(push(queue, std::move(next)), outcome::no_memory);
    ASSERT_NE(next.content, nullptr);
  }
  EXPECT_EQ(queue.size(), static_cast<std::size_t>(accepted));
  while (run_next(queue)) {
  }
  EXPECT_EQ(sum, 5 * accepted);
  EXPECT_TRUE(queue.looks_empty());
}

TEST(task_queue, has_an_empty_task_in_the_place_of_one_whose_filling_throws) {
  task_queue queue(memory());
  struct unwilling {
    unwilling() = default;
    unwilling(const unwilling&) { throw std::runtime_error("not now"); }
    void operator()() const {}
  };
  const unwilling callable;
  int ran = 0;
  push(queue, [&] { ++ran; });
  EXPECT_THROW(push(queue, callable), std::runtime_error);
  push(queue, [&] { ++ran; });
  while (run_next(queue)) {
  }
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(queue.popped(), 3u);
}

TEST(task_queue, gives_chunks_back_that_were_not_needed_since_the_last_trim) {
  statistics_resource counted(&memory());
  task_queue queue(counted);
  for (int burst = 0; burst < 3; ++burst) {
    for (int i = 0; i < 20'000; ++i) push(queue, [] {});
    const std::size_t most = queue.chunk_count();
    EXPECT_GE(most, 19u);
    queue.trim();
    queue.trim();
    EXPECT_EQ(queue.chunk_count(), most);
    while (run_next(queue)) {
    }
    queue.trim();
    EXPECT_EQ(queue.chunk_count(), most);  // they were needed
    EXPECT_FALSE(queue.trim());
    EXPECT_EQ(queue.chunk_count(), 1u);
    EXPECT_EQ(counted.snapshot().live_bytes, task_queue::chunk_bytes());
  }
  EXPECT_GE(queue.high_water(), 19'000u);
}

TEST(task_queue, uses_chunks_again_that_cannot_go_back_while_somebody_is_within) {
  statistics_resource counted(&memory());
  task_queue queue(counted);
  std::atomic<bool> pinned{false}, ends{false};
  std::thread within([&] {
    const cistern::epoch_guard guard;
    pinned = true;
    pinned.notify_all();
    ends.wait(false);
  });
  pinned.wait(false);
  std::size_t most = 0;
  for (int burst = 0; burst < 5; ++burst) {
    for (int i = 0; i < 10'000; ++i) push(queue, [] {});
    while (run_next(queue)) {
    }
    for (int tick = 0; tick < 3; ++tick) EXPECT_TRUE(queue.trim());
    if (burst == 0) most = counted.snapshot().live_bytes;
    EXPECT_LE(counted.snapshot().live_bytes, most + task_queue::chunk_bytes());  // it begins within a chunk
    EXPECT_EQ(counted.snapshot().live_bytes, queue.chunk_count() * task_queue::chunk_bytes());
  }
  ends = true;
  ends.notify_all();
  within.join();
  EXPECT_FALSE(queue.trim());
  EXPECT_EQ(queue.chunk_count(), 1u);
}

// An upstream that is short of memory has everything age that may give some back, and so this very queue.
TEST(task_queue, may_be_trimmed_by_its_upstream) {
  struct ticking final : std::pmr::memory_resource {
    task_queue* queue = nullptr;
    int ticks = 0;
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
      if (queue != nullptr) static_cast<void>(queue->trim()), ++ticks;
      return memory().allocate(bytes, alignment);
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
      memory().deallocate(block, bytes, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  } upstream;
  task_queue queue(upstream);
  upstream.queue = &queue;
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(push(queue, [] {}), outcome::accepted);
  EXPECT_GE(upstream.ticks, 4);
  int ran = 0;
  while (run_next(queue)) ++ran;
  EXPECT_EQ(ran, 5000);
}

TEST(task_queue, loses_and_doubles_nothing_among_many_threads_and_trims) {
  constexpr std::uint64_t each = CISTERN_TSAN || CISTERN_ASAN ? 20'000 : 200'000;
  task_queue queue(memory());
  std::array<std::atomic<std::uint64_t>, 2> sums{}, counts{};
  std::atomic<int> producing{2};
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < 2; ++producer)
    threads.emplace_back([&, producer] {
      for (std::uint64_t i = 1; i <= each; ++i) {
        push(queue, [&, producer, i] {
          sums[producer] += i;
          ++counts[producer];
        });
        if (i % 4096 == 0 && queue.size() > 8192) std::this_thread::yield();
      }
      --producing;
    });
  for (int consumer = 0; consumer < 2; ++consumer)
    threads.emplace_back([&] {
      while (producing != 0 || !queue.looks_empty())
        if (!run_next(queue)) std::this_thread::yield();
    });
  threads.emplace_back([&] {
    while (producing != 0) queue.trim();
  });
  for (auto& thread : threads) thread.join();
  while (run_next(queue)) {
  }
  for (std::size_t producer = 0; producer < 2; ++producer) {
    EXPECT_EQ(counts[producer], each);
    EXPECT_EQ(sums[producer], each * (each + 1) / 2);
  }
  EXPECT_EQ(queue.pushed(), 2 * each);
  EXPECT_EQ(queue.popped(), 2 * each);
}

TEST(task_queue, keeps_the_order_of_one_producer_for_one_consumer) {
  task_queue queue(memory());
  constexpr int tasks = 50'000;
  int next = 0;
  std::thread produces([&] {
    for (int i = 0; i < tasks; ++i) push(queue, [&next, i] { EXPECT_EQ(next++, i); });
  });
  while (next != tasks)
    if (!run_next(queue)) std::this_thread::yield();
  produces.join();
}

TEST(task_queue, accepts_all_before_a_close_and_nothing_after) {
  for (int round = 0; round < 300; ++round) {
    task_queue queue(memory());
    std::atomic<std::uint64_t> accepted{0}, ran{0};
    std::vector<std::thread> producers;
    for (int i = 0; i < 2; ++i)
      producers.emplace_back([&] {
        while (push(queue, [&] { ++ran; }) == outcome::accepted) ++accepted;
      });
    for (int i = 0; i < 20 * round; ++i) run_next(queue);
    queue.close();
    const std::uint64_t pushed = queue.pushed();
    for (auto& each : producers) each.join();
    while (run_next(queue)) {
    }
    EXPECT_EQ(accepted, pushed);
    EXPECT_EQ(ran, pushed);
  }
}

}  // namespace
