// SPDX-License-Identifier: MIT
#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/phase_word.hpp>
#include <schedules/scheduler.hpp>

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

enum class stage : std::uint32_t { queued, running, done, cancelled };
using stage_word = cistern::detail::phase_word<stage>;

constexpr auto for_ever = sync::clock::time_point::max();
constexpr std::chrono::nanoseconds no_spin{0};

// One runs it and lets go with its end, or finds that the other one has cancelled it; that one cancels, waits, or just
// lets go.
TEST(phase_word_schedules, leave_what_two_hold_to_the_last_one) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    stage_word word;
    int destroyed = 0, written = 0;
    const auto destroy_if = [&](bool is_last) { destroyed += is_last ? 1 : 0; };
    s.spawn([&] {
      if (!word.move(stage::queued, stage::running)) return destroy_if(word.let_go());
      written = 1;
      destroy_if(word.end_and_let_go(stage::done));
    });
    s.spawn([&] {
      switch (s.choose(3)) {
        case 0:
          if (word.move(stage::queued, stage::running)) word.end(stage::cancelled);
          break;
        case 1:
          s.require(word.wait(for_ever, no_spin), "a wait without a deadline ended before its time");
          s.require(word.now() == stage::done && written == 1, "a wait ended before what it waits for");
          break;
        default:
          break;
      }
      destroy_if(word.let_go());
    });
    s.run();
    s.require(destroyed == 1, "destroyed not once");
  }));
}

// As a worker that waits for a result of a limited group: what it wants to use is there while the task has not begun.
TEST(phase_word_schedules, begin_nothing_that_is_borrowed) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    stage_word word;
    sync::atomic<int> holders{1};  // the task
    s.spawn([&] {
      if (word.move(stage::queued, stage::running)) {
        holders.fetch_sub(1);
        word.end(stage::done);
      }
    });
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        if (word.borrow(stage::queued)) {
          s.require(holders.fetch_add(1) != 0, "what was borrowed has begun, and ended");
          word.give_back();
          s.require(word.wait(for_ever, no_spin), "a wait without a deadline ended before its time");
          holders.fetch_sub(1);
        }
        s.require(word.wait(for_ever, no_spin), "a wait without a deadline ended before its time");
      });
    s.run();
    s.require(holders.load() == 0 && word.now() == stage::done, "somebody was left over");
  }));
}

}  // namespace
}  // namespace cistern::schedules
