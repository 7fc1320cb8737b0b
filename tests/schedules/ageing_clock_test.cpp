// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <schedules/scheduler.hpp>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

class watched final : public ager {
 public:
  explicit watched(scheduler& s) : s_(s) {}

  bool age(age_level) noexcept override {
    s_.require(listed, "told after it was removed");
    s_.require(!inside_, "told by two at a time");
    inside_ = true;
    s_.yield();
    inside_ = false;
    s_.require(listed, "removed while it was told");
    ++tellings;
    return false;
  }

  bool listed = false;
  int tellings = 0;

 private:
  scheduler& s_;
  bool inside_ = false;
};

TEST(ageing_clock_schedules, tell_nobody_who_was_removed) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    ageing_clock clock;
    watched stays(s), goes(s), comes(s);
    goes.listed = stays.listed = comes.listed = true;
    clock.add(goes);
    clock.add(stays);
    for (int i = 0; i < 2; ++i) s.spawn([&] { s.require(!clock.tick(), "something idle is left, it says"); });
    s.spawn([&] {
      clock.remove(goes);
      goes.listed = false;
      clock.add(comes);
    });
    s.run();
    s.require(stays.tellings == 2 && clock.ticks() == 2, "a tick was lost");
    clock.remove(stays);
    clock.remove(comes);
  }));
}

}  // namespace
}  // namespace cistern::schedules
