// SPDX-License-Identifier: MIT
#include "worker_things.hpp"
#include <cistern/workers/detail/phase_word.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::sync;
using cistern::worker_tests::until;

enum class stage : std::uint32_t { queued, running, done, given_up };
using stage_word = cistern::detail::phase_word<stage>;

constexpr auto for_ever = sync::clock::time_point::max();

TEST(phase_word, moves_out_of_one_phase_only) {
  stage_word word;
  EXPECT_EQ(word.now(), stage::queued);
  EXPECT_FALSE(word.move(stage::running, stage::done));
  EXPECT_TRUE(word.move(stage::queued, stage::running));
  EXPECT_FALSE(word.move(stage::queued, stage::given_up));
  word.end(stage::done);
  EXPECT_EQ(word.now(), stage::done);
}

TEST(phase_word, lets_one_of_many_have_its_way) {
  for (int round = 0; round < 200; ++round) {
    stage_word word;
    std::atomic<int> moved{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] { moved += word.move(stage::queued, stage::running) ? 1 : 0; });
    for (std::thread& each : threads) each.join();
    EXPECT_EQ(moved, 1);
  }
}

TEST(phase_word, does_not_wait_for_what_is_over) {
  stage_word word;
  word.end(stage::given_up);
  EXPECT_TRUE(word.wait(sync::clock::time_point::min(), 0ns));
}

TEST(phase_word, gives_up_at_the_deadline) {
  stage_word word;
  EXPECT_FALSE(word.wait(sync::now() + 1ms, 0ns));
  EXPECT_TRUE(word.move(stage::queued, stage::running));
  EXPECT_FALSE(word.wait(sync::now(), 1s));
  EXPECT_EQ(word.now(), stage::running);  // and whoever has slept has left no trace in the phase
}

TEST(phase_word, shows_what_came_before_an_end_to_who_waits) {
  for (const auto spin : {0ns, std::chrono::nanoseconds(1ms)}) {
    for (int round = 0; round < 200; ++round) {
      stage_word word;
      int value = 0;
      std::thread other([&] {
        ASSERT_TRUE(word.move(stage::queued, stage::running));
        value = round;
        word.end(stage::done);
      });
      EXPECT_TRUE(word.wait(for_ever, spin));
      EXPECT_EQ(value, round);
      other.join();
    }
  }
}

TEST(phase_word, is_left_to_the_second_of_two_who_let_go) {
  stage_word word;
  EXPECT_TRUE(word.move(stage::queued, stage::running));
  EXPECT_FALSE(word.let_go());
  EXPECT_EQ(word.now(), stage::running);  // the phase does not show it
  word.end(stage::given_up);
  EXPECT_EQ(word.now(), stage::given_up);
  EXPECT_TRUE(word.let_go());
}

TEST(phase_word, ends_and_is_let_go_in_one) {
  stage_word first, second;
  EXPECT_TRUE(first.move(stage::queued, stage::running));
  EXPECT_FALSE(first.end_and_let_go(stage::done));
  EXPECT_EQ(first.now(), stage::done);
  EXPECT_TRUE(first.wait(for_ever, 0ns));
  EXPECT_TRUE(first.let_go());

  EXPECT_TRUE(second.move(stage::queued, stage::running));
  EXPECT_FALSE(second.let_go());
  EXPECT_TRUE(second.end_and_let_go(stage::done));
}

TEST(phase_word, shows_what_either_did_to_the_one_who_lets_go_last) {
  for (int round = 0; round < 300; ++round) {
    struct held {
      stage_word word;
      int by_one = 0, by_other = 0;
    };
    auto* const shared = new held;
    std::atomic<int> last{0};
    const auto destroy = [&](bool is_last) {
      if (!is_last) return;
      EXPECT_EQ(shared->by_one + shared->by_other, 3);
      delete shared;
      ++last;
    };
    std::thread other([&] {
      ASSERT_TRUE(shared->word.move(stage::queued, stage::running));
      shared->by_other = 2;
      destroy(shared->word.end_and_let_go(stage::done));
    });
    shared->by_one = 1;
    if (round % 3 != 0) {
      EXPECT_TRUE(shared->word.wait(for_ever, round % 3 == 1 ? 0ns : 1ms));
    }
    destroy(shared->word.let_go());
    other.join();
    EXPECT_EQ(last, 1);
  }
}

TEST(phase_word, stays_in_its_phase_while_it_is_borrowed) {
  for (int round = 0; round < 300; ++round) {
    stage_word word;
    std::atomic<bool> was_borrowed{false}, is_borrowed{false};
    std::thread other([&] {
      until([&] { return was_borrowed.load(); });
      EXPECT_TRUE(word.move(stage::queued, stage::running));
      EXPECT_FALSE(is_borrowed);
    });
    EXPECT_TRUE(word.borrow(stage::queued));
    is_borrowed = true;
    was_borrowed = true;
    EXPECT_EQ(word.now(), stage::queued);
    is_borrowed = false;
    word.give_back();
    other.join();
    EXPECT_FALSE(word.borrow(stage::queued));
    EXPECT_EQ(word.now(), stage::running);
  }
}

TEST(phase_word, wakes_all_who_wait_by_a_move_into_an_end) {
  stage_word word;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) waiting.emplace_back([&] { EXPECT_TRUE(word.wait(for_ever, 0ns)); });
  EXPECT_TRUE(word.move(stage::queued, stage::given_up));
  for (std::thread& each : waiting) each.join();
}

}  // namespace
