// SPDX-License-Identifier: MIT
// What tasks return, throw, or never did.
#include <cistern/workers/result.hpp>
#include <cistern/workers/worker_pool.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace {

void expect(bool as_it_should_be) {
  if (!as_it_should_be) std::abort();
}

}  // namespace

int main() {
  cistern::worker_pool pool({.max_workers = 1});

  cistern::result<std::string> text = pool.submit_result([] { return std::string("done"); });
  expect(text.get() == "done");

  cistern::result<void> failing = pool.submit_result([] { throw std::runtime_error("no such host"); });
  try {
    failing.get();
  } catch (const std::runtime_error& error) {
    expect(std::string(error.what()) == "no such host");
  }

  // A task that waits for another one on the same worker runs it itself.
  expect(pool.submit_wait([&pool] { return pool.submit_wait([] { return 42; }); }) == 42);

  pool.pause();
  cistern::result<int> never = pool.submit_result([] { return 1; });
  expect(never.cancel());
  pool.resume();
  try {
    never.get();
    expect(false);
  } catch (const cistern::task_cancelled&) {
  }
}
