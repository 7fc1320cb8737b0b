// SPDX-License-Identifier: MIT
// A queue of work of one's own: move-only captures, and the place where a task was made.
#include <cistern/workers/task.hpp>

#include <cstdlib>
#include <deque>
#include <memory>
#include <utility>

namespace {

void expect(bool as_it_should_be) {
  if (!as_it_should_be) std::abort();
}

}  // namespace

int main() {
  std::deque<cistern::task> later;
  int sum = 0;
  auto owned = std::make_unique<int>(40);
  later.emplace_back([&sum, owned = std::move(owned)] { sum += *owned; });
  later.emplace_back([&sum] { sum += 2; });

  while (!later.empty()) {
    cistern::task next = std::move(later.front());
    later.pop_front();
    expect(next.site().line != 0);
    next();
    expect(!next);  // a task is called once
  }
  expect(sum == 42);
}
