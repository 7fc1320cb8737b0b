// SPDX-License-Identifier: MIT
#include <cistern/allocators/biased_lock.hpp>
#include <cistern/allocators/mutex.hpp>
#include <schedules/scheduler.hpp>

#include <mutex>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

TEST(biased_lock_schedules, never_let_owner_and_visitor_in_together_and_wake_the_owner) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    biased_lock lock;
    mutex visitors;
    int inside = 0, owned = 0;
    const auto within = [&] {
      s.require(++inside == 1, "two are inside");
      s.yield();
      --inside;
    };
    s.spawn([&] {
      for (; owned < 3; ++owned) {
        lock.lock(asymmetric_fence::light_is_light());
        within();
        lock.unlock();
      }
    });
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 2; ++turn) {
          const std::scoped_lock one_visitor(visitors);
          lock.announce();
          asymmetric_fence::heavy_fence();
          if (lock.try_enter(2)) within();
          lock.leave();
        }
      });
    s.run();
    s.require(owned == 3 && !lock.owner_is_inside(), "the owner did not come out");
  }));
}

}  // namespace
}  // namespace cistern::schedules
