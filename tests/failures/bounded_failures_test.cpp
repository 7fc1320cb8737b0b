// SPDX-License-Identifier: MIT
//
// A bounded_pool takes its memory from its upstream; its hooks, and what its objects allocate, come from operator new.
#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/fixed_block_pool.hpp>
#include <cistern/pools/sized_text_pool.hpp>
#include <cistern/pools/text_pool.hpp>
#include <contracts/every_allocation.hpp>

#include <iostream>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>

#include <failures/failing_new.hpp>
#include <gtest/gtest.h>

namespace {

using cistern::bound;
using cistern::bounded_pool;
using cistern::bounded_pool_options;
using cistern::contracts::every_allocation;
using cistern::failures::every_new;
using cistern::failures::spared;

struct living {
  static inline int there = 0;
  living() { ++there; }
  ~living() { --there; }
  living(const living&) = delete;
  living& operator=(const living&) = delete;
  std::string text = std::string(100, 'x');  // so that making one may fail, too
};

// Everything that takes memory, on a pool of two. Nothing is lost or miscounted, whatever fails.
template <class Pool>
void use(Pool& pool) {
  for (int round = 0; round < 3; ++round) {
    try {
      pool.warm(2);
    } catch (const std::bad_alloc&) {
    }
    for (int i = 0; i < 3; ++i) try {
        auto one = pool.get(), two = pool.try_get();
        if (i == 1) one.discard();
      } catch (const std::bad_alloc&) {
      }
    const spared no_failures;
    const auto numbers = pool.statistics();
    EXPECT_EQ(numbers.out, 0u) << to_string(numbers);
    EXPECT_EQ(numbers.made - numbers.dropped, numbers.total) << to_string(numbers);
    EXPECT_LE(numbers.total, 2u);
  }
}

TEST(bounded_pool_new, loses_nothing_when_an_object_cannot_be_made) {
  for (const bound by : {bound::kept, bound::total, bound::total_or_extra}) {
    const auto points = every_new([by] {
      bounded_pool<living> pool(2, {.name = "failing", .by = by, .clock = nullptr});
      use(pool);
    });
    EXPECT_EQ(living::there, 0);
    EXPECT_GT(points, 0u);
    std::cout << points << " failures\n";
  }
}

bounded_pool_options from(std::pmr::memory_resource& memory, bound by = bound::kept) {
  return {.by = by, .upstream = &memory, .clock = nullptr};
}

TEST(bounded_pool_upstream, gets_all_back_when_one_of_its_allocations_fails) {
  for (const bound by : {bound::kept, bound::total, bound::total_or_extra})
    every_allocation("bounded_pool", [by](std::pmr::memory_resource& memory) {
      bounded_pool<living> pool(2, from(memory, by));
      use(pool);
    });
  EXPECT_EQ(living::there, 0);
}

TEST(bounded_pool_upstream, gets_all_back_from_pools_of_bytes) {
  every_allocation("text_pool", [](std::pmr::memory_resource& memory) {
    cistern::text_pool pool(2, from(memory));
    use(pool);
    pool.get()->append(1000, 'x');
  });
  every_allocation("sized_text_pool", [](std::pmr::memory_resource& memory) {
    cistern::sized_text_pool pool(2, 100, from(memory));
    use(pool);
    pool.get()->append(1000, 'x');
  });
  every_allocation("fixed_block_pool", [](std::pmr::memory_resource& memory) {
    cistern::fixed_block_pool pool(2, 100, 8, from(memory));
    use(pool);
    pool.get()->resize(1000);
  });
}

}  // namespace
