// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/pool_executor.hpp>
#include <cistern/workers/this_worker.hpp>

#if __has_include(<asio/execution.hpp>)

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <iterator>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/defer.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#if defined(ASIO_HAS_CO_AWAIT)
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#endif
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::basic_pool_executor;
using cistern::overflow;
using cistern::pool_executor;
using cistern::submission;
using cistern::submission_refused;
using cistern::worker_pool;
using cistern::worker_pool_options;
using cistern::this_worker::is_of;
using cistern::worker_tests::bounded;
using cistern::worker_tests::busy_worker;
using cistern::worker_tests::expect_balance;
using cistern::worker_tests::gate;
using cistern::worker_tests::until;
using cistern::worker_tests::workers;
namespace execution = asio::execution;

static_assert(execution::is_executor<pool_executor>::value);
static_assert(asio::can_require<pool_executor, execution::blocking_t::never_t>::value);
static_assert(asio::can_require<pool_executor, execution::blocking_t::possibly_t>::value);
static_assert(!asio::can_require<pool_executor, execution::blocking_t::always_t>::value);
static_assert(asio::can_require<pool_executor, execution::relationship_t::continuation_t>::value);
static_assert(asio::can_require<pool_executor, execution::outstanding_work_t::tracked_t>::value);
static_assert(asio::can_require<pool_executor, execution::allocator_t<std::allocator<void>>>::value);
static_assert(asio::can_query<pool_executor, execution::context_t>::value);
static_assert(execution::mapping_t::static_query<pool_executor>() == execution::mapping.thread);
static_assert(std::constructible_from<asio::any_io_executor, pool_executor>);
static_assert(std::is_nothrow_copy_constructible_v<pool_executor> && std::is_nothrow_move_assignable_v<pool_executor>);

TEST(pool_executor, runs_on_the_pool_what_is_posted_deferred_and_dispatched) {
  worker_pool pool(workers(2));
  std::atomic<int> ran{0};
  const auto counts = [&] { ran += is_of(pool) ? 1 : 100; };
  asio::post(pool_executor(pool), counts);
  asio::defer(pool_executor(pool), counts);
  asio::dispatch(pool_executor(pool), counts);
  EXPECT_EQ(asio::post(pool_executor(pool), asio::use_future([] { return 4; })).get(), 4);
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(pool.statistics().completed, 4u);
}

TEST(pool_executor, runs_at_once_only_what_a_worker_dispatches) {
  worker_pool pool(workers(1));
  const pool_executor executor(pool);
  std::string order;
  EXPECT_FALSE(executor.running_in_this_thread());
  pool.submit_wait([&] {
    EXPECT_TRUE(executor.running_in_this_thread());
    asio::post(executor, [&] { order += " posted"; });
    asio::dispatch(executor, [&] { order += " dispatched"; });
    asio::require(executor, execution::blocking.never).execute([&] { order += " never"; });
    order += " task";
  });
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_THAT(order, testing::StartsWith(" dispatched task"));
  EXPECT_THAT(order, testing::HasSubstr(" posted"));
  EXPECT_THAT(order, testing::HasSubstr(" never"));
}

TEST(pool_executor, has_the_properties_that_were_asked_for) {
  worker_pool pool(workers(1)), other(workers(1));
  const pool_executor plain(pool);
  EXPECT_EQ(asio::query(plain, execution::blocking), execution::blocking.possibly);
  EXPECT_EQ(asio::query(plain, execution::relationship), execution::relationship.fork);
  EXPECT_EQ(asio::query(plain, execution::outstanding_work), execution::outstanding_work.untracked);
  const auto never = asio::require(plain, execution::blocking.never);
  EXPECT_EQ(asio::query(never, execution::blocking), execution::blocking.never);
  const auto continues = asio::require(never, execution::relationship.continuation);
  EXPECT_EQ(asio::query(continues, execution::relationship), execution::relationship.continuation);
  EXPECT_EQ(asio::query(continues, execution::blocking), execution::blocking.never);
  const auto tracked = asio::prefer(continues, execution::outstanding_work.tracked);
  EXPECT_EQ(asio::query(tracked, execution::outstanding_work), execution::outstanding_work.tracked);
  EXPECT_NE(plain, never);
  EXPECT_NE(never, continues);
  EXPECT_NE(continues, tracked);
  EXPECT_EQ(plain, pool_executor(pool));
  EXPECT_NE(plain, pool_executor(other));
  EXPECT_EQ(plain, asio::require(tracked, execution::blocking.possibly, execution::relationship.fork,
                                 execution::outstanding_work.untracked));
  EXPECT_EQ(&asio::query(plain, execution::context), &asio::query(pool_executor(other), execution::context));
  EXPECT_EQ(&plain.pool(), &pool);
  const asio::any_io_executor any = plain;
  EXPECT_EQ(any, asio::any_io_executor(plain));
  EXPECT_NE(any, asio::any_io_executor(never));
}

TEST(pool_executor, throws_what_says_so_when_the_pool_is_full_or_stopped) {
  for (const overflow way : {overflow::wait, overflow::run_here, overflow::drop_oldest, overflow::reject}) {
    worker_pool pool(bounded(1, 1, way));
    {
      const busy_worker busy(pool);
      asio::post(pool_executor(pool), [] {});
      try {
        asio::post(pool_executor(pool), [] { FAIL(); });
        ADD_FAILURE();
      } catch (const submission_refused& refused) {
        EXPECT_EQ(refused.why(), submission::full);
      }
    }
    EXPECT_TRUE(pool.stop().ended);
    EXPECT_EQ(pool.statistics().completed, 2u);
    try {
      asio::dispatch(pool_executor(pool), [] { FAIL(); });
      ADD_FAILURE();
    } catch (const submission_refused& refused) {
      EXPECT_EQ(refused.why(), submission::stopped);
    }
  }
}

TEST(pool_executor, keeps_a_pool_from_nothing_while_work_is_outstanding) {
  worker_pool pool(workers(1));
  const auto guard = asio::make_work_guard(pool_executor(pool));
  EXPECT_TRUE(guard.owns_work());
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_TRUE(pool.stop().ended);
}

TEST(pool_executor, gives_exceptions_to_the_pools_handler) {
  std::atomic<int> handled{0};
  worker_pool_options options = workers(1);
  options.on_exception = [&](const std::exception_ptr& what, const cistern::source_site&) {
    EXPECT_THROW(std::rethrow_exception(what), std::domain_error);
    ++handled;
  };
  worker_pool pool(options);
  asio::post(pool_executor(pool), [] { throw std::domain_error("posted"); });
  EXPECT_TRUE(pool.submit_wait([&] {
    asio::dispatch(pool_executor(pool), [] { throw std::domain_error("dispatched"); });
    return true;
  }));
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(pool.statistics().failed, 2u);
}

/// Counts what it has out; with more than its pointer, so that copies are no bytes.
template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(std::shared_ptr<std::atomic<int>> in) : out(std::move(in)) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) noexcept : out(other.out) {}
  T* allocate(std::size_t count) {
    if (*out < 0) throw std::bad_alloc();
    ++*out;
    return static_cast<T*>(::operator new(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t) noexcept {
    --*out;
    ::operator delete(block);
  }
  template <class U>
  bool operator==(const counting_allocator<U>& other) const noexcept {
    return out == other.out;
  }

  std::shared_ptr<std::atomic<int>> out;
};

TEST(pool_executor, takes_memory_for_large_functions_from_an_allocator_that_it_is_given) {
  worker_pool pool(workers(1));
  const auto out = std::make_shared<std::atomic<int>>(0);
  const auto executor = asio::require(pool_executor(pool), execution::allocator(counting_allocator<void>(out)));
  EXPECT_EQ(asio::query(executor, execution::allocator).out, out);
  EXPECT_NE(executor,
            asio::require(pool_executor(pool),
                          execution::allocator(counting_allocator<void>(std::make_shared<std::atomic<int>>(0)))));
  int while_it_ran = -1, sum = 0;
  std::array<int, 40> large{};
  large[39] = 7;
  pool.pause();
  executor.execute([&, large] {
    while_it_ran = *out;
    sum = large[39];
  });
  EXPECT_EQ(*out, 1);
  executor.execute([&] { ++sum; });  // needs no memory
  EXPECT_EQ(*out, 1);
  executor.execute([large, &sum] { sum += large[0]; });
  EXPECT_EQ(*out, 2);
  pool.resume();
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_EQ(while_it_ran, 1);  // its own is given back before it is called
  EXPECT_EQ(sum, 8);
  EXPECT_EQ(*out, 0);
  pool.pause();
  executor.execute([large, &sum] { sum += large[0]; });
  EXPECT_TRUE(pool.stop_and_discard().ended);
  EXPECT_EQ(*out, 0);
  EXPECT_THROW(executor.execute([large, &sum] { sum += large[0]; }), submission_refused);
  EXPECT_EQ(*out, 0);
  *out = -1;
  EXPECT_THROW(executor.execute([large, &sum] { sum += large[0]; }), std::bad_alloc);
  EXPECT_EQ(sum, 8);
}

TEST(pool_executor, carries_a_strand_that_runs_one_after_the_other) {
  worker_pool pool(workers(4));
  const auto strand = asio::make_strand(pool_executor(pool));
  static_assert(std::same_as<decltype(strand), const asio::strand<pool_executor>>);
  constexpr int each = 2000;
  std::array<int, 2> last{-1, -1};  // without a lock: the strand's
  int inside = 0, wrong = 0;
  std::vector<std::thread> producers;
  for (std::size_t of = 0; of < 2; ++of)
    producers.emplace_back([&, of] {
      for (int i = 0; i < each; ++i)
        asio::post(strand, [&, of, i] {
          if (++inside != 1 || last[of] != i - 1) ++wrong;
          last[of] = i;
          --inside;
        });
    });
  for (std::thread& each_one : producers) each_one.join();
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(last, (std::array<int, 2>{each - 1, each - 1}));
  expect_balance(pool.statistics());
}

TEST(pool_executor, completes_a_timer_of_an_io_context_on_the_pool) {
  worker_pool pool(workers(1));
  asio::io_context context;
  asio::steady_timer timer(context, 1ms);
  std::atomic<bool> on_pool{false};
  timer.async_wait(asio::bind_executor(pool_executor(pool), [&](std::error_code error) {
    EXPECT_FALSE(error);
    on_pool = is_of(pool);
  }));
  context.run();
  EXPECT_TRUE(pool.wait_idle());
  EXPECT_TRUE(on_pool);
}

TEST(pool_context, has_an_executor_for_timers_themselves) {
  worker_pool pool(workers(1));
  cistern::pool_context context(pool);
  EXPECT_EQ(&asio::query(context.get_executor(), execution::context), &context);
  EXPECT_NE(context.get_executor(), pool_executor(pool));
  asio::steady_timer timer(context.get_executor(), 1ms);
  gate completed;
  timer.async_wait([&](std::error_code error) {
    EXPECT_FALSE(error);
    EXPECT_TRUE(is_of(pool));
    completed.pass();
  });
  completed.until_there_are(1);
  completed.open();
  asio::steady_timer never(context.get_executor(), 1h);
  std::atomic<bool> aborted{false};
  never.async_wait([&](std::error_code error) { aborted = error == asio::error::operation_aborted; });
  never.cancel();
  until([&] { return aborted.load(); });
}

std::set<std::string> threads_of_this_process() {
  std::set<std::string> ids;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ids.insert(task.path().filename());
  return ids;
}

TEST(pool_context, ends_its_thread_before_the_pool_goes) {
  worker_pool pool(workers(1));
  std::thread([] {}).join();  // with the first one ThreadSanitizer starts one of its own
  const std::set<std::string> before = threads_of_this_process();
  std::set<std::string> started;
  {
    cistern::pool_context context(pool);
    asio::steady_timer timer(context.get_executor(), 1h);
    timer.async_wait([](std::error_code) {});
    std::ranges::set_difference(threads_of_this_process(), before, std::inserter(started, started.end()));
    EXPECT_THAT(started, testing::SizeIs(1));
  }
  // What was joined is listed for a moment more.
  until([&] { return !std::ranges::includes(threads_of_this_process(), started); });
}

#if defined(ASIO_HAS_CO_AWAIT)

asio::awaitable<int> counts_steps(worker_pool& pool, int steps) {
  int on_pool = 0;
  for (int i = 0; i < steps; ++i) {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    on_pool += is_of(pool) ? 1 : 0;
  }
  asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
  co_await timer.async_wait(asio::use_awaitable);
  co_return on_pool + (is_of(pool) ? 1 : 0);
}

asio::awaitable<int> fails(worker_pool&) {
  co_await asio::post(asio::use_awaitable);
  throw std::domain_error("in a coroutine");
}

TEST(pool_executor, runs_coroutines) {
  worker_pool pool(workers(2));
  cistern::pool_context context(pool);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 20; ++i)
    results.push_back(asio::co_spawn(context.get_executor(), counts_steps(pool, 50), asio::use_future));
  for (std::future<int>& each : results) EXPECT_EQ(each.get(), 51);
  EXPECT_THROW(asio::co_spawn(pool_executor(pool), fails(pool), asio::use_future).get(), std::domain_error);
}

#endif

}  // namespace

#endif
