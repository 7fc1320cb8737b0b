// SPDX-License-Identifier: MIT
#include <cistern/allocators/thread_registry.hpp>
#include <schedules/scheduler.hpp>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

// Something with instances: it counts the exits that it is told of.
struct told {
  scheduler& s;
  bool entered = true;
  int exits = 0;
  thread_registry::instance id = thread_registry::enter(this, &told::exit);

  explicit told(scheduler& with) : s(with) {}
  void leave() {
    thread_registry::leave(id);
    entered = false;
  }
  static void exit(void* self, void* value) noexcept {
    auto& here = *static_cast<told*>(self);
    here.s.require(here.entered, "told after it had left");
    here.s.require(value == &here.exits, "told with another's value");
    here.s.yield();
    here.s.require(here.entered, "left while it was told");
    ++here.exits;
  }
};

TEST(thread_registry_schedules, tell_nobody_who_has_left) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    told stays(s), leaves(s);
    int threads = 0;
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        s.require(thread_registry::attach(stays.id, &stays.exits), "the thread has ended already");
        if (leaves.entered) thread_registry::attach(leaves.id, &leaves.exits);
        s.yield();
        s.require(thread_registry::find(stays.id) == &stays.exits, "its value is gone");
        ++threads;
      });
    s.spawn([&] {
      s.yield();
      leaves.leave();
      // Takes the place of the one that left.
      told reuses(s);
      s.require(thread_registry::find(reuses.id) == nullptr, "found what was never set");
      reuses.leave();
      s.require(reuses.exits == 0, "told of a thread that had no value for it");
    });
    s.run();
    s.require(stays.exits == threads, "not told of every thread's exit exactly once");
    stays.leave();
  }));
}

}  // namespace
}  // namespace cistern::schedules
