// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::age_level;
using cistern::ageing_clock;
using cistern::ager;

class counting final : public ager {
 public:
  explicit counting(ageing_clock& clock) : clock_(clock) { clock_.add(*this); }
  ~counting() { clock_.remove(*this); }

  bool age(age_level level) noexcept override {
    ++(level == age_level::pressure ? pressed : ticked);
    if (within) within();
    return idle;
  }

  std::atomic<int> ticked = 0, pressed = 0;
  std::atomic<bool> idle = false;
  std::function<void()> within;

 private:
  ageing_clock& clock_;
};

TEST(ageing_clock, tells_every_ager_of_a_tick_and_of_pressure) {
  ageing_clock clock;
  counting first(clock), second(clock);
  clock.tick();
  clock.tick(age_level::pressure);
  for (const counting* each : {&first, &second}) {
    EXPECT_EQ(each->ticked, 1);
    EXPECT_EQ(each->pressed, 1);
  }
  EXPECT_EQ(clock.ticks(), 2u);
}

TEST(ageing_clock, says_whether_anything_idle_is_left) {
  ageing_clock clock;
  counting first(clock), second(clock);
  EXPECT_FALSE(clock.tick());
  first.idle = true;
  EXPECT_TRUE(clock.tick());
}

TEST(ageing_clock, forgets_an_ager_that_was_removed) {
  ageing_clock clock;
  counting stays(clock);
  { const counting gone(clock); }
  clock.tick();
  EXPECT_EQ(stays.ticked, 1);
}

TEST(ageing_clock, waits_with_removing_until_an_ager_has_been_told) {
  ageing_clock clock;
  std::atomic<bool> inside = false, may_leave = false, told = false;
  auto slow = std::make_unique<counting>(clock);
  slow->within = [&] {
    inside = true;
    while (!may_leave) std::this_thread::yield();
    told = true;
  };
  std::thread ticking([&clock] { clock.tick(); });
  while (!inside) std::this_thread::yield();
  std::thread removing([&] {
    slow.reset();
    EXPECT_TRUE(told);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  may_leave = true;
  removing.join();
  ticking.join();
}

TEST(ageing_clock, lets_an_ager_add_and_remove_others_and_tick) {
  ageing_clock clock;
  auto other = std::make_unique<counting>(clock);
  std::unique_ptr<counting> added;
  counting busy(clock);  // told first
  busy.within = [&] {
    other.reset();
    added = std::make_unique<counting>(clock);
    EXPECT_TRUE(clock.tick()) << "a tick within a tick does nothing";
  };
  clock.tick();
  EXPECT_EQ(busy.ticked, 1);
  EXPECT_EQ(clock.ticks(), 1u);
}

TEST(ageing_clock_death, ends_the_program_when_an_ager_removes_itself) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ageing_clock clock;
        auto suicidal = std::make_unique<counting>(clock);
        suicidal->within = [&] { suicidal.reset(); };
        clock.tick();
      },
      "cistern: an ager was removed from its clock by its own age\\(\\)");
}

TEST(ageing_clock_death, ends_the_program_when_an_ager_is_added_twice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ageing_clock clock;
        counting once(clock);
        clock.add(once);
      },
      "cistern: an ager was added to a clock twice");
}

TEST(ageing_clock, ticks_one_at_a_time) {
  ageing_clock clock;
  std::atomic<int> inside = 0;
  counting watching(clock);
  watching.within = [&] {
    EXPECT_EQ(++inside, 1);
    std::this_thread::yield();
    --inside;
  };
  std::vector<std::thread> ticking;
  for (int i = 0; i < 4; ++i)
    ticking.emplace_back([&] {
      for (int k = 0; k < 200; ++k) clock.tick();
    });
  for (std::thread& thread : ticking) thread.join();
  EXPECT_EQ(watching.ticked, 800);
}

TEST(ageing_clock, ticks_in_the_child_of_a_fork_in_the_middle_of_another_threads_tick) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  ageing_clock clock;
  std::atomic<bool> inside = false, may_leave = false;
  auto slow = std::make_unique<counting>(clock);
  slow->within = [&] {
    inside = true;
    while (!may_leave) std::this_thread::yield();
  };
  std::thread ticking([&clock] { clock.tick(); });
  while (!inside) std::this_thread::yield();
  const int status = cistern::contracts::detail::in_child([&] {
    slow->within = nullptr;
    clock.tick();
    slow.reset();
    return 0;
  });
  EXPECT_EQ(status, 0);
  may_leave = true;
  ticking.join();
}

}  // namespace
