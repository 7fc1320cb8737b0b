// SPDX-License-Identifier: MIT
// The mutants of this code, which these tests must find, are in CMakeLists.txt.
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/thread_registry.hpp>
#include <schedules/retired_things.hpp>
#include <schedules/scheduler.hpp>

#include <optional>
#include <utility>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

TEST(epoch_domain_schedules, delete_nothing_that_a_reader_can_see) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing first, second;
    epoch_domain domain(without_ticks());
    sync::atomic<thing*> shared = &first;
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) {
        const epoch_guard guard(domain);
        const thing* const seen = shared.load();
        s.yield();
        s.require(seen->deleted == 0, "a reader saw what was deleted");
      }
    });
    s.spawn([&] {
      {
        const epoch_guard pinned(domain);
        shared.exchange(&second)->retire_in(domain);
        domain.flush();
      }
      domain.advance();
      domain.flush();
    });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) domain.collect();
    });
    s.run();
    domain.barrier();
    s.require(first.deleted == 1 && second.deleted == 0, "not deleted exactly once");
  }));
}

// A pin may be older than what its thread retires: other readers have come since.
TEST(epoch_domain_schedules, delete_nothing_too_early_that_was_retired_within_an_old_pin) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing first, second;
    epoch_domain domain(without_ticks());
    sync::atomic<thing*> shared = &first;
    s.spawn([&] {
      const epoch_guard guard(domain);
      const thing* const seen = shared.load();
      for (int i = 0; i < 3; ++i) s.yield();
      s.require(seen->deleted == 0, "a reader saw what was deleted");
    });
    s.spawn([&] {
      {
        const epoch_guard pinned(domain);
        domain.advance();
        shared.exchange(&second)->retire_in(domain);
        domain.flush();
      }
      domain.advance();
      domain.flush();
    });
    s.run();
  }));
}

TEST(epoch_domain_schedules, keep_nested_and_moved_pins) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing first, second;
    epoch_domain domain(without_ticks());
    sync::atomic<thing*> shared = &first;
    s.spawn([&] {
      epoch_guard outer(domain);
      const thing* const seen = shared.load();
      epoch_guard inner(domain);
      outer = std::move(inner);
      s.require(seen->deleted == 0, "a reader saw what was deleted");
      outer.repin();
      const thing* const later = shared.load();
      s.yield();
      s.require(later->deleted == 0, "a reader saw what was deleted after it had pinned again");
    });
    s.spawn([&] {
      shared.exchange(&second)->retire_in(domain);
      domain.quiesce();
    });
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) domain.collect();
    });
    s.run();
  }));
}

TEST(epoch_domain_schedules, lose_nothing_that_a_thread_leaves_behind) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing things[2];
    epoch_domain domain(without_ticks());
    for (thing& own : things) s.spawn([&] { own.retire_in(domain); });
    s.spawn([&] { domain.collect(); });
    s.run();
    const epoch_statistics now = domain.statistics();
    s.require(now.pending_objects + things[0].deleted + things[1].deleted == 2, "the count of the pending is wrong");
    s.require(now.threads == 0, "a thread that has ended has a slot still");
    domain.barrier();
    s.require(domain.statistics().pending_objects == 0, "something is pending after a barrier");
    for (const thing& own : things) s.require(own.deleted == 1, "not deleted exactly once");
  }));
}

// Something that has instances of its own, which retire what they kept for a thread as that ends.
struct keeper {
  epoch_domain& domain;
  thread_registry::instance id = thread_registry::enter(this, &keeper::exit);

  static void exit(void* self, void* kept) noexcept {
    static_cast<thing*>(kept)->retire_in(static_cast<keeper*>(self)->domain);
  }
};

TEST(epoch_domain_schedules, lose_nothing_that_is_retired_while_a_thread_ends) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing things[2];
    epoch_domain domain(without_ticks());
    keeper keeps{.domain = domain};
    // One has a slot already, the other takes one for that moment.
    for (thing& own : things)
      s.spawn([&] {
        if (&own == things) domain.slot();
        thread_registry::attach(keeps.id, &own);
      });
    s.spawn([&] { domain.collect(); });
    s.run();
    s.require(domain.statistics().threads == 0, "a thread that has ended has a slot still");
    domain.barrier();
    for (const thing& own : things) s.require(own.deleted == 1, "not deleted exactly once");
    thread_registry::leave(keeps.id);
  }));
}

TEST(epoch_domain_schedules, delete_all_that_was_retired_before_a_barrier) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing own;
    epoch_domain domain(without_ticks());
    sync::atomic<bool> retired = false;
    s.spawn([&] {
      own.retire_in(domain);
      retired.store(true);
      if (s.choose(2) == 0) domain.flush();
    });
    s.spawn([&] { domain.collect(); });
    s.spawn([&] {
      const bool before = retired.load();
      domain.barrier();
      s.require(!before || own.deleted == 1, "a barrier returned before a deletion");
    });
    s.run();
  }));
}

TEST(epoch_domain_schedules, let_barriers_and_quiesce_meet) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing things[2];
    epoch_domain domain(without_ticks());
    for (thing& own : things)
      s.spawn([&] {
        own.retire_in(domain);
        domain.quiesce();
        domain.barrier();
        s.require(own.deleted == 1, "a barrier returned before a deletion");
      });
    s.run();
  }));
}

// Something whose deleter retires what it held.
struct chain {
  epoch_domain& domain;
  thing last;

  static void remove(void* object, void*) noexcept {
    auto& self = *static_cast<chain*>(object);
    self.last.retire_in(self.domain);
  }
};

TEST(epoch_domain_schedules, delete_all_when_a_domain_dies_beside_a_thread) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    std::optional<epoch_domain> domain(std::in_place, without_ticks());
    chain own{.domain = *domain, .last = {}};
    sync::atomic<bool> done = false;
    s.spawn([&] {
      domain->retire(&own, chain::remove, nullptr, sizeof(own));
      done.store(true);
    });
    s.spawn([&] {
      while (!done.load()) sync::spin_pause();
      domain.reset();
      s.require(own.last.deleted == 1, "not deleted exactly once");
    });
    s.run();
  }));
}

TEST(epoch_domain_schedules, synchronize_waits_for_the_readers_there_are) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    epoch_domain domain(without_ticks());
    sync::atomic<bool> inside = false;
    bool linked = true;
    s.spawn([&] {
      const epoch_guard guard(domain);
      inside.store(true);
      s.yield();
      inside.store(false);
    });
    s.spawn([&] {
      const bool was_inside = inside.load();
      domain.synchronize();
      linked = false;
      s.require(!was_inside || !inside.load(), "a reader of before is inside still");
    });
    s.run();
    s.require(!linked, "never came back");
  }));
}

}  // namespace
}  // namespace cistern::schedules
