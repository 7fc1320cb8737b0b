// SPDX-License-Identifier: MIT
// Tasks that are waited for together: forks and joins, first errors, results in order and as they come, a share of a
// pool, and what grpool and goworkers call WaitCount and channels.
#include <cistern/workers/sub_pool.hpp>
#include <cistern/workers/task_batch.hpp>
#include <cistern/workers/task_channel.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/wait_count.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// Sorts by forks and joins: the left half is for whoever has time, and wait() runs it here if nobody has.
void merge_sort(cistern::worker_pool& pool, std::vector<int>::iterator first, std::vector<int>::iterator last) {
  if (last - first < 1000) return std::sort(first, last);
  const auto middle = first + (last - first) / 2;
  cistern::task_group halves(pool);
  halves.run([&] { merge_sort(pool, first, middle); });
  merge_sort(pool, middle, last);
  halves.wait();
  std::inplace_merge(first, middle, last);
}

}  // namespace

int main() {
  cistern::worker_pool pool;

  std::vector<int> numbers(100'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i * 7919 % 100'003);
  pool.submit_wait([&] { merge_sort(pool, numbers.begin(), numbers.end()); });
  const bool sorted = std::is_sorted(numbers.begin(), numbers.end());

  // The first exception cancels what has not begun.
  bool thrown = false;
  try {
    cistern::task_group parts(pool);
    parts.run([] { throw std::runtime_error("no such file"); });
    for (int i = 0; i < 100; ++i) parts.run([] {});
    parts.wait();
  } catch (const std::runtime_error& error) {
    std::cout << "a part failed: " << error.what() << '\n';
    thrown = true;
  }

  // Or all are collected.
  cistern::task_group checks(pool, {.failures = cistern::group_failures::collect});
  for (int i = 0; i < 10; ++i)
    checks.run([i] {
      if (i % 2 == 1) throw std::runtime_error("odd");
    });
  const bool failed = checks.wait() == cistern::group_status::failed;
  const std::size_t failures = checks.failures().size();

  // Results: one by one, in the order of the tasks, or as they come.
  cistern::task_group requests(pool);
  auto answer = requests.run_result([] { return std::string("forty-two"); });
  requests.wait();
  std::cout << answer.get() << '\n';

  cistern::task_batch<int> squares(pool);
  for (int i = 0; i < 10; ++i) squares.run([i] { return i * i; });
  int sum = 0;
  while (auto item = squares.next()) sum += item->get();
  for (int i = 0; i < 3; ++i) squares.run([i] { return i; });
  const bool in_order = squares.get(10) == 0 && squares.get(11) == 1 && squares.get(12) == 2;

  // A share of the workers: one task of these at a time, in order.
  cistern::sub_pool writer(pool, 1);
  std::string log;
  for (const char* const line : {"a", "b", "c"}) writer.submit([&log, line] { log += line; });
  writer.wait_idle();

  // Jobs that are counted by hand.
  cistern::wait_count left(10);
  std::atomic<int> jobs = 0;
  for (int i = 0; i < 10; ++i)
    pool.submit([&] {
      ++jobs;
      left.done();
    });
  left.wait();

  // Results and errors that are read while tasks run; what nobody reads is reported.
  cistern::task_channel<int> results;
  cistern::task_channel<std::exception_ptr> errors;
  for (int i = 0; i < 4; ++i)
    pool.submit(cistern::sends_to(results, errors, [i] { return i != 3 ? i : throw std::runtime_error("three"); }));
  int read = 0;
  for (int i = 0; i < 3; ++i) read += *results.pop();
  const bool error = errors.pop().has_value();

  return sorted && thrown && failed && failures == 5 && sum == 285 && in_order && log == "abc" && jobs == 10 &&
                 read == 3 && error
             ? 0
             : 1;
}
