// SPDX-License-Identifier: MIT
//
// A pool of objects takes its memory from its upstream; what its hooks are kept in, and where objects were taken, from
// operator new.
#include <cistern/pools/object_pool.hpp>

#include <iostream>
#include <new>
#include <string>

#include <failures/failing_new.hpp>
#include <gtest/gtest.h>

namespace {

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

TEST(object_pool_new, loses_nothing_when_a_site_cannot_be_remembered_or_an_object_not_be_made) {
  for (const bool record_sites : {false, true}) {
    const auto points = every_new([record_sites] {
      cistern::object_pool<living> pool({.name = "failing", .clock = nullptr, .record_sites = record_sites});
      for (int round = 0; round < 3; ++round) {
        try {
          pool.warm(3);
        } catch (const std::bad_alloc&) {
        }
        for (int i = 0; i < 4; ++i) try {
            auto one = pool.get();
            auto other = pool.try_get();
          } catch (const std::bad_alloc&) {
          }
        const spared no_failures;
        const auto numbers = pool.statistics();
        EXPECT_EQ(numbers.live, 0u) << to_string(numbers);
        EXPECT_EQ(static_cast<std::size_t>(living::there), numbers.total);
        EXPECT_EQ(numbers.made - numbers.dropped, numbers.total);
      }
    });
    EXPECT_EQ(living::there, 0);
    EXPECT_GT(points, 0u);
    std::cout << points << " failures\n";
  }
}

}  // namespace
