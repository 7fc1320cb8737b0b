// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::result;
using cistern::task_cancelled;
using cistern::worker_pool;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::workers;
using testing::StrEq;
using testing::ThrowsMessage;

cistern::sync::clock::time_point in(std::chrono::nanoseconds time) { return cistern::sync::now() + time; }
std::uint64_t blocks_out() { return cistern::detail::task_memory().statistics().live; }

TEST(result, is_what_the_task_returns) {
  worker_pool pool(workers(1));
  EXPECT_EQ(pool.submit_result([] { return 7; }).get(), 7);
  EXPECT_EQ(pool.submit_wait([] { return std::string(100, 'x'); }), std::string(100, 'x'));
  int ran = 0;
  pool.submit_result([&] { ++ran; }).get();
  pool.submit_wait([&] { ++ran; });
  EXPECT_EQ(ran, 2);
  int& same = pool.submit_result([&]() -> int& { return ran; }).get();
  EXPECT_EQ(&same, &ran);
  int&& moved = pool.submit_result([&]() -> int&& { return std::move(ran); }).get();
  EXPECT_EQ(&moved, &ran);
  EXPECT_EQ(*pool.submit_result([] { return std::make_unique<int>(5); }).get(), 5);
  struct alignas(128) wide {
    int number;
  };
  EXPECT_EQ(pool.submit_wait([] { return wide{9}; }).number, 9);
}

TEST(result, needs_no_default_constructor_and_no_assignment) {
  struct strict {
    explicit strict(int of) : number(of) {}
    strict(strict&&) = default;
    strict& operator=(strict&&) = delete;
    const int number;
  };
  worker_pool pool(workers(1));
  EXPECT_EQ(pool.submit_result([] { return strict(3); }).get().number, 3);
}

TEST(result, is_what_the_task_throws_and_the_worker_lives) {
  worker_pool pool(workers(1));
  auto thrown = pool.submit_result([]() -> int { throw std::runtime_error("no number"); });
  EXPECT_THAT([&] { thrown.get(); }, ThrowsMessage<std::runtime_error>(StrEq("no number")));
  EXPECT_FALSE(thrown.valid());
  EXPECT_THROW(pool.submit_wait([] { throw 5; }), int);
  EXPECT_EQ(pool.submit_wait([] { return 1; }), 1);
  pool.wait_idle();
  EXPECT_EQ(pool.statistics().failed, 2u);
  EXPECT_EQ(pool.statistics().completed, 1u);
  EXPECT_TRUE(pool.statistics().failures.empty());  // whoever has the result knows
  expect_balance(pool.statistics());
}

TEST(result, is_ready_when_the_task_has_ended) {
  worker_pool pool(workers(1));
  std::optional<busy_worker> busy(std::in_place, pool);
  auto pending = pool.submit_result([] { return 7; });
  EXPECT_TRUE(pending.valid());
  EXPECT_FALSE(pending.ready());
  EXPECT_FALSE(pending.wait_for(1ms));
  EXPECT_FALSE(pending.wait_until(in(-1h)));
  busy.reset();
  EXPECT_TRUE(pending.wait_for(std::chrono::nanoseconds::max()));
  EXPECT_TRUE(pending.ready());
  EXPECT_TRUE(pending.wait_until(in(-1h)));
  EXPECT_EQ(pending.get(), 7);
}

TEST(result, can_be_had_once) {
  worker_pool pool(workers(1));
  auto had = pool.submit_result([] { return 7; });
  had.get();
  EXPECT_FALSE(had.valid());
  EXPECT_THROW(static_cast<void>(had.get()), std::logic_error);
  EXPECT_THROW(static_cast<void>(had.ready()), std::logic_error);
  EXPECT_THROW(had.wait(), std::logic_error);
  EXPECT_THROW(static_cast<void>(had.cancel()), std::logic_error);
  EXPECT_THROW(static_cast<void>(result<int>().get()), std::logic_error);
}

TEST(result, moves) {
  worker_pool pool(workers(1));
  auto one = pool.submit_result([] { return 1; });
  auto two = pool.submit_result([] { return 2; });
  result<int> taken(std::move(one));
  EXPECT_FALSE(one.valid());
  one = std::move(two);
  result<int>& same = one;
  one = std::move(same);
  EXPECT_EQ(one.get(), 2);
  EXPECT_EQ(taken.get(), 1);
}

TEST(result, cancels_a_task_that_has_not_begun) {
  worker_pool pool(workers(1));
  const auto witness = std::make_shared<int>(0);
  bool ran = false;
  std::optional<busy_worker> busy(std::in_place, pool);
  auto cancelled = pool.submit_result([&ran, witness] { ran = true; });
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_FALSE(cancelled.cancel());
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_TRUE(cancelled.ready());
  EXPECT_THROW(cancelled.get(), task_cancelled);
  busy.reset();
  pool.wait_idle();
  EXPECT_FALSE(ran);
  EXPECT_EQ(pool.statistics().cancelled, 1u);
  expect_balance(pool.statistics());
}

TEST(result, cannot_cancel_what_runs_or_has_run) {
  worker_pool pool(workers(1));
  gate ends;
  auto running = pool.submit_result([&] {
    ends.pass();
    return 3;
  });
  ends.until_there_are(1);
  EXPECT_FALSE(running.cancel());
  ends.open();
  running.wait();
  EXPECT_FALSE(running.cancel());
  EXPECT_EQ(running.get(), 3);
}

TEST(result, wakes_one_that_waits_when_it_is_cancelled) {
  worker_pool pool(workers(1));
  const busy_worker busy(pool);
  auto cancelled = pool.submit_result([] {});
  std::thread waits([&] {
    const auto& shared = cancelled;
    shared.wait();
  });
  std::this_thread::sleep_for(2ms);  // either way it must end; so it is asleep, as a rule
  EXPECT_TRUE(cancelled.cancel());
  waits.join();
}

TEST(result, may_be_let_go_and_the_task_runs_all_the_same) {
  worker_pool pool(workers(1));
  bool ran = false;
  const auto witness = std::make_shared<int>(0);
  {
    const busy_worker busy(pool);
    const auto let_go = pool.submit_result([&ran, witness] {
      ran = true;
      return witness;
    });
  }
  pool.wait_idle();
  EXPECT_TRUE(ran);
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(result, outlives_its_pool) {
  std::vector<result<std::string>> results;
  const std::uint64_t out = blocks_out();
  {
    worker_pool pool(workers(1));
    for (int i = 0; i < 3; ++i) results.push_back(pool.submit_result([] { return std::string(100, 'x'); }));
    pool.wait_idle();
    pool.pause();
    for (int i = 0; i < 3; ++i) results.push_back(pool.submit_result([] { return std::string(100, 'y'); }));
    pool.stop_and_discard();
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(results[i].get().size(), 100u);
  for (std::size_t i = 3; i < 6; ++i) EXPECT_THROW(results[i].get(), task_cancelled);
  results.clear();
  EXPECT_EQ(blocks_out(), out);
}

TEST(result, lets_a_waiting_worker_run_the_task_itself_and_no_other_one) {
  worker_pool pool(workers(1));
  bool foreign_ran = false;
  int depth = 0;
  const auto seen = pool.submit_wait([&] {
    auto awaited = pool.submit_result([&] { return ++depth; });
    pool.submit([&] { foreign_ran = true; });  // the next one, if it were to run any
    const int got = awaited.get();
    return foreign_ran ? -1 : got;
  });
  EXPECT_EQ(seen, 1);
  pool.wait_idle();
  EXPECT_TRUE(foreign_ran);
  expect_balance(pool.statistics());
}

TEST(result, lets_a_worker_wait_for_a_task_that_came_from_outside) {
  worker_pool pool(workers(1));
  gate begins;
  std::optional<result<int>> outside;
  auto waits = pool.submit_result([&] {
    begins.pass();
    return outside->get();
  });
  begins.until_there_are(1);
  outside = pool.submit_result([] { return 9; });
  begins.open();
  EXPECT_EQ(waits.get(), 9);
}

TEST(result, waits_for_another_pools_task_without_running_it) {
  worker_pool pool(workers(1)), other(workers(1));
  EXPECT_TRUE(pool.submit_wait([&] { return other.submit_wait([&] { return cistern::this_worker::is_of(other); }); }));
}

// Whatever the waiting task is of: another pool, a group that is cancelled.
TEST(result, has_its_task_run_as_one_of_the_workers_own) {
  worker_pool pool(workers(1, "own")), other(bounded(1, 0, cistern::overflow::run_here));
  const busy_worker busy(other);
  pool.submit_wait([&] {
    other.submit([&] {  // on this worker, as a guest
      EXPECT_EQ(cistern::this_worker::pool(), &other);
      EXPECT_FALSE(cistern::this_worker::index());
      const auto nested = [&] {
        EXPECT_EQ(cistern::this_worker::pool(), &pool);
        EXPECT_EQ(cistern::this_worker::index(), 0u);
        return cistern::this_worker::arena().allocate(100);
      };
      void* const first = pool.submit_wait(nested);
      EXPECT_EQ(pool.submit_wait(nested), first) << "its memory was not taken back";
      EXPECT_EQ(cistern::this_worker::pool(), &other);
      EXPECT_FALSE(cistern::this_worker::index());
    });
  });

  cistern::task_group group(pool);
  std::atomic<int> ran{0};
  const auto outcome = pool.submit_wait([&] {
    group.run([&] {
      group.cancel();
      pool.submit_result([&] {
            cistern::task_group own(pool);
            for (int i = 0; i < 3; ++i) own.run([&] { ++ran; });
            EXPECT_EQ(own.wait(), cistern::group_status::complete);
          })
          .get();
      EXPECT_TRUE(group.is_cancelled());
    });
    return group.wait();
  });
  EXPECT_EQ(outcome, cistern::group_status::cancelled);
  EXPECT_EQ(ran, 3);
}

TEST(result, is_had_by_many_at_once) {
  worker_pool pool(workers(2));
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 2000; ++turn) {
        auto one = pool.submit_result([turn] { return turn % 2; });
        if (turn % 5 == 0)
          static_cast<void>(one.cancel());
        else
          sum += one.get();
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(sum, 3 * 800);
  pool.wait_idle();
  expect_balance(pool.statistics());
}

TEST(result, that_is_cancelled_is_over_when_its_callable_is_destroyed) {
  struct last_look {
    result<void>** own;
    bool* was_over;
    last_look(result<void>** of, bool* into) : own(of), was_over(into) {}
    last_look(last_look&& other) noexcept : own(std::exchange(other.own, nullptr)), was_over(other.was_over) {}
    ~last_look() {
      if (own != nullptr) *was_over = (*own)->ready();
    }
    void operator()() const {}
  };
  worker_pool pool(workers(1));
  const busy_worker busy(pool);
  result<void>* own = nullptr;
  bool was_over = true;
  result<void> cancelled = pool.submit_result(last_look(&own, &was_over));
  own = &cancelled;
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_FALSE(was_over);
  EXPECT_TRUE(cancelled.ready());
}

}  // namespace
