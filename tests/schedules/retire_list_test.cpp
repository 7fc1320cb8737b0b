// SPDX-License-Identifier: MIT
#include <cistern/allocators/retire_list.hpp>
#include <schedules/retired_things.hpp>
#include <schedules/scheduler.hpp>

#include <optional>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

struct recipient {
  bool alive = true;
  bool called_after_its_end = false;

  static void take(void* context, void** objects, std::size_t count) noexcept {
    auto& self = *static_cast<recipient*>(context);
    if (!self.alive) self.called_after_its_end = true;
    thing::remove_all(nullptr, objects, count);
  }
};

TEST(retire_list_schedules, leave_nothing_behind_though_bags_are_open) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing things[2];
    recipient context;
    epoch_domain domain(without_ticks());
    std::optional<retire_list> list(std::in_place, domain, sizeof(thing), &recipient::take, &context);
    sync::atomic<int> retired = 0;
    for (thing& own : things)
      s.spawn([&] {
        list->retire(&own);
        retired.fetch_add(1);
      });
    s.spawn([&] {
      while (retired.load() != 2) sync::spin_pause();
      list.reset();
      context.alive = false;
    });
    s.run();
    for (const thing& own : things) s.require(own.deleted == 1, "not deleted exactly once");
    domain.barrier();
    s.require(!context.called_after_its_end, "the function was called after the list's end");
  }));
}

TEST(retire_list_schedules, die_apart_from_another_list_with_the_same_context) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing things[2];
    recipient context;
    epoch_domain domain(without_ticks());
    std::optional<retire_list> dies(std::in_place, domain, sizeof(thing), &recipient::take, &context);
    retire_list stays(domain, sizeof(thing), &recipient::take, &context);
    s.spawn([&] {
      for (thing& own : things) {
        stays.retire(&own);
        domain.quiesce();
      }
    });
    s.spawn([&] { dies.reset(); });
    s.run();
    domain.barrier();
    for (const thing& own : things) s.require(own.deleted == 1, "not deleted exactly once");
  }));
}

// 58 in a bag: the third and the last of these make room.
TEST(retire_list_schedules, lose_nothing_as_bags_fill_while_others_take_them) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    thing things[60];
    recipient context;
    epoch_options options = without_ticks();
    if (s.choose(2) == 0) options.max_pending_bytes = 1;
    epoch_domain domain(options);
    retire_list list(domain, sizeof(thing), &recipient::take, &context);
    s.spawn([&] {
      for (thing& own : things) list.retire(&own);
    });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) domain.collect();
    });
    s.run();
    domain.barrier();
    for (const thing& own : things) s.require(own.deleted == 1, "not deleted exactly once");
  }));
}

}  // namespace
}  // namespace cistern::schedules
