// SPDX-License-Identifier: MIT
#include <cistern/allocators/mutex.hpp>
#include <schedules/scheduler.hpp>

#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

using testing::HasSubstr;

template <class Mutex>
void fibres_take_turns(scheduler& s) {
  Mutex mutex;
  int inside = 0, entered = 0;
  for (int i = 0; i < 3; ++i)
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) {
        const std::scoped_lock lock(mutex);
        s.require(++inside == 1, "two are inside");
        s.yield();
        --inside;
        ++entered;
      }
    });
  s.run();
  s.require(entered == 6, "a turn was lost");
}

TEST(mutex_schedules, never_lets_two_in_and_wakes_all_in_the_end) {
  EXPECT_TRUE(explore({}, fibres_take_turns<mutex>));
}

TEST(mutex_schedules, try_lock_takes_a_free_mutex_and_no_other) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    mutex shared;
    int inside = 0;
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 2; ++turn) {
          if (!shared.try_lock()) continue;
          s.require(++inside == 1, "two are inside");
          s.yield();
          --inside;
          shared.unlock();
        }
      });
    s.spawn([&] {
      const std::scoped_lock lock(shared);
      s.require(++inside == 1, "two are inside");
      s.yield();
      --inside;
    });
    s.run();
    s.require(shared.try_lock(), "left locked");
  }));
}

// Each mutant is the real source on a broken machine.

struct sync_without_wakes : sync {
  static void unpark_one(const atomic<std::uint32_t>&) noexcept {}
};

struct sync_that_sleeps_without_a_look : sync {
  static void park(const atomic<std::uint32_t>& word, std::uint32_t) noexcept { sync::park(word, word.load()); }
};

struct sync_with_exchange_in_two_steps : sync {
  template <class T>
  struct atomic : sync::atomic<T> {
    using sync::atomic<T>::atomic;
    T exchange(T value, std::memory_order) noexcept {
      const T old = this->load();
      this->store(value);
      return old;
    }
  };
};

template <class Sync>
exploration explore_mutant() {
  const exploration found = explore({}, fibres_take_turns<basic_mutex<Sync>>);
  if (!found) {
    const exploration again = replay(found.seed, {}, fibres_take_turns<basic_mutex<Sync>>);
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.trace, found.trace);
  }
  return found;
}

TEST(mutex_schedules, find_the_mutant_whose_unlock_wakes_nobody) {
  EXPECT_THAT(explore_mutant<sync_without_wakes>().failure, HasSubstr("deadlock"));
}

TEST(mutex_schedules, find_the_mutant_that_sleeps_though_the_word_has_changed) {
  EXPECT_THAT(explore_mutant<sync_that_sleeps_without_a_look>().failure, HasSubstr("deadlock"));
}

TEST(mutex_schedules, find_the_mutant_whose_exchange_is_not_one_step) {
  EXPECT_FALSE(explore_mutant<sync_with_exchange_in_two_steps>());
}

}  // namespace
}  // namespace cistern::schedules
