// SPDX-License-Identifier: MIT
// A worker pool as the executor of Asio's completions. Says so where there is no Asio.
#include <cistern/workers/pool_executor.hpp>

#include <iostream>

#if __has_include(<asio/execution.hpp>)

#include <atomic>
#include <chrono>
#include <system_error>

#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

int main() {
  using namespace std::chrono_literals;
  cistern::worker_pool pool({.name = "completions", .max_workers = 2});
  const cistern::pool_executor executor(pool);

  // A function, as to any executor.
  asio::post(executor, [] { std::cout << "on the pool\n"; });
  pool.wait_idle();

  // One thread waits for events, and the pool's workers do what they lead to.
  asio::io_context events;
  asio::steady_timer timer(events, 1ms);
  bool came = false;
  timer.async_wait(asio::bind_executor(executor, [&](std::error_code error) { came = !error; }));
  events.run();
  pool.wait_idle();

  // One after the other, without a lock.
  const auto strand = asio::make_strand(executor);
  int sum = 0;
  for (int i = 1; i <= 100; ++i) asio::post(strand, [&sum, i] { sum += i; });
  pool.wait_idle();
  std::cout << "sum " << sum << '\n';

  // Without an io_context: Asio waits on a thread of its own, which the context ends before the pool goes.
  std::atomic<bool> rang{false};
  cistern::pool_context context(pool);
  asio::steady_timer alarm(context.get_executor(), 1ms);
  alarm.async_wait([&](std::error_code) {
    rang = true;
    rang.notify_one();
  });
  rang.wait(false);
  pool.wait_idle();
  return came && sum == 5050 ? 0 : 1;
}

#else

int main() { std::cout << "skipped: Asio is not installed\n"; }

#endif
