// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_hold.hpp>
#include <schedules/retired_things.hpp>
#include <schedules/scheduler.hpp>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

TEST(epoch_hold_schedules, keep_one_object_and_no_other) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing held, other, next;
    epoch_domain domain(without_ticks());
    sync::atomic<thing*> shared = &held;
    s.spawn([&] {
      epoch_hold hold(domain);
      const thing* seen = nullptr;
      {
        const epoch_guard guard(domain);
        seen = shared.load();
        hold.keep(guard, seen);
      }
      s.yield();
      s.require(seen->deleted == 0, "what was held was deleted");
    });
    s.spawn([&] {
      other.retire_in(domain);
      shared.exchange(&next)->retire_in(domain);
      domain.collect();
      domain.barrier();
      s.require(other.deleted == 1, "what was not held waited for what was");
    });
    s.run();
    domain.barrier();
    s.require(held.deleted == 1 && next.deleted == 0, "not deleted exactly once");
  }));
}

}  // namespace
}  // namespace cistern::schedules
