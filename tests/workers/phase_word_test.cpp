// SPDX-License-Identifier: MIT
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

TEST(phase_word, wakes_all_who_wait_by_a_move_into_an_end) {
  stage_word word;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) waiting.emplace_back([&] { EXPECT_TRUE(word.wait(for_ever, 0ns)); });
  EXPECT_TRUE(word.move(stage::queued, stage::given_up));
  for (std::thread& each : waiting) each.join();
}

}  // namespace
