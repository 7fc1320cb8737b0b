// SPDX-License-Identifier: MIT
// A pool of workers with a bounded queue: tasks, results, scratch memory, and an orderly end.
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

namespace {

void expect(bool as_it_should_be) {
  if (!as_it_should_be) std::abort();
}

}  // namespace

int main() {
  cistern::worker_pool pool({.name = "example", .max_workers = 2, .queue_bound = 64});

  std::atomic<int> lines{0};
  for (int i = 0; i < 100; ++i) pool.submit([&lines] { ++lines; });  // waits while 64 are queued

  cistern::result<std::size_t> length = pool.submit_result([] {
    std::pmr::vector<std::pmr::string> words(&cistern::this_worker::arena());  // taken back when the task has ended
    for (int i = 0; i < 10; ++i) words.emplace_back("a word that is too long for the string itself");
    return words.size() * words.front().size();
  });
  expect(length.get() == 450);

  // What is not accepted has not been touched.
  auto job = [text = std::make_unique<std::string>("kept")] { text->clear(); };
  pool.pause();
  while (pool.try_submit([] {}) == cistern::submission::accepted) {
  }
  expect(pool.try_submit(std::move(job)) == cistern::submission::full);
  pool.resume();
  pool.submit(std::move(job));

  const cistern::stop_report ended = pool.stop(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  expect(ended.ended && lines == 100);
}
