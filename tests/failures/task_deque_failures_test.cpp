// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/workers/detail/task_deque.hpp>

#include <array>
#include <cstddef>
#include <iostream>
#include <new>

#include <failures/failing_new.hpp>
#include <gtest/gtest.h>

namespace {

using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::failures::every_new;
using cistern::failures::spared;

// Whether all that was pushed came out.
bool use(cistern::detail::task_deque<int>& own) {
  std::array<int, 300> tasks;
  std::size_t pushed = 0, popped = 0;
  for (int& task : tasks) pushed += own.push(&task) ? 1U : 0U;
  for (int tick = 0; tick < 3; ++tick) own.trim();
  const bool one_stolen = own.steal() != nullptr;
  while (own.pop() != nullptr) ++popped;
  return popped + (one_stolen ? 1U : 0U) == pushed;
}

// Neither a slot of the domain, nor a bag, nor an array may be had: what was pushed comes out, an array that cannot be
// retired waits, and nothing stays behind.
TEST(task_deque_failures, lose_no_task_and_no_array) {
  const auto points = every_new([] {
    cistern::statistics_resource memory;
    bool all_there = true;
    try {
      epoch_domain domain({.clock = nullptr, .background = false});
      cistern::detail::task_deque<int> own(memory, domain);
      try {
        const epoch_guard guard(domain);  // so that retire() may not free at once instead
        all_there = use(own);
      } catch (const std::bad_alloc&) {
        all_there = use(own);
      }
    } catch (const std::bad_alloc&) {  // no domain
    }
    const spared report;
    EXPECT_TRUE(all_there);
    EXPECT_EQ(memory.snapshot().live_blocks, 0u);
  });
  std::cout << "every_new: task_deque: " << points << " failures, none skipped\n";
  EXPECT_GT(points, 5u);
}

}  // namespace
