// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/workers/detail/task_deque.hpp>
#include <schedules/arena_upstream.hpp>
#include <schedules/retired_things.hpp>
#include <schedules/scheduler.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

struct task {
  unsigned taken = 0;
};

/// A deque, whose arrays begin with two slots, with an account of who has got what.
class deque_scene {
 public:
  explicit deque_scene(scheduler& with)
      : s(with), memory_(with, with.choose(2) == 0), domain(without_ticks()), own(std::in_place, memory_, domain) {}

  void push(std::size_t count = 1) {
    for (; count > 0; --count) {
      s.require(pushed_ < tasks_.size(), "the account is too small");
      s.require(own->push(&tasks_[pushed_++]), "there was memory for a task");
    }
  }
  bool pop() { return took(own->pop()); }
  bool steal() { return took(own->steal()); }

  /// Pushes, pops and does what else there is to do, `turns` times, in any order.
  void work(int turns, const std::function<void()>& other = {}) {
    for (; turns > 0; --turns) {
      const std::uint64_t what = s.choose(other ? 5 : 4);
      if (what < 2)
        push();
      else if (what < 4)
        pop();
      else
        other();
    }
  }
  void steal_often(int turns) {
    for (; turns > 0; --turns) steal();
  }

  /// With every thread ended: each task is where it belongs, and so is the memory, as soon as the deque is gone.
  void require_all_there() {
    while (pop()) {
    }
    s.require(own->looks_empty(), "it is not empty at the end");
    for (std::size_t i = 0; i < pushed_; ++i) s.require(tasks_[i].taken == 1, "a task was lost");
    own.reset();
    memory_.require_all_back();
  }

  scheduler& s;

 private:
  bool took(task* got) {
    if (got == nullptr) return false;
    const auto* const first = tasks_.data();
    s.require(!std::less<>()(got, first) && std::less<>()(got, first + pushed_), "it gave something that is no task");
    s.require(++got->taken == 1, "a task was taken twice");
    return true;
  }

  arena_upstream memory_;
  std::size_t pushed_ = 0;
  std::array<task, 32> tasks_;

 public:
  epoch_domain domain;
  std::optional<cistern::detail::task_deque<task>> own;
};

TEST(task_deque_schedules, give_each_task_to_one_thread) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(s.choose(3));
    s.spawn([&] { scene.work(6); });
    for (int thief = 0; thief < 2; ++thief) s.spawn([&] { scene.steal_often(2); });
    s.run();
    scene.require_all_there();
  }));
}

// There are as many tasks as thieves come, and nobody pops.
TEST(task_deque_schedules, let_no_thief_go_away_empty_while_there_are_tasks) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(3);
    for (int thief = 0; thief < 3; ++thief)
      s.spawn([&] { s.require(scene.steal(), "a thief got nothing though there were tasks"); });
    s.spawn([&] { scene.push(s.choose(3)); });
    s.run();
    scene.require_all_there();
  }));
}

// A thief stands still for good anywhere in a steal, perhaps with a task: the owner and another thief have the rest.
TEST(task_deque_schedules, give_the_rest_to_others_when_a_thief_never_goes_on) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(4);
    bool is_over = false;
    std::size_t stolen = 0, popped = 0;
    s.spawn_freezing(1 + s.choose(12), [&] {
      stolen += scene.steal() ? 1U : 0U;
      is_over = true;
    });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) stolen += scene.steal() ? 1U : 0U;
    });
    s.spawn([&] {
      scene.push(4);
      while (scene.pop()) ++popped;
      s.require(scene.own->looks_empty(), "a task was out of reach");
    });
    s.run();
    s.require(is_over && stolen + popped == 8, "a task was lost");
    scene.require_all_there();
  }));
}

TEST(task_deque_schedules, give_the_rest_to_thieves_when_the_owner_never_goes_on) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(4);
    bool is_over = false;
    std::size_t stolen = 0;
    s.spawn_freezing(1 + s.choose(12), [&] {
      scene.work(2);
      is_over = true;
    });
    s.spawn([&] {
      while (scene.steal()) ++stolen;
      if (!is_over) s.require(stolen >= 2, "a task was out of reach");
    });
    s.run();
    scene.require_all_there();
  }));
}

// The array grows from two slots to four and eight, and old ones are freed as soon as they may be.
TEST(task_deque_schedules, lose_nothing_as_the_array_grows) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(s.choose(3));
    s.spawn([&] {
      scene.push(1 + s.choose(3));
      scene.domain.flush();
      scene.work(4, [&] { scene.domain.flush(); });
    });
    for (int thief = 0; thief < 2; ++thief) s.spawn([&] { scene.steal_often(2); });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) scene.domain.collect();
    });
    s.run();
    scene.require_all_there();
  }));
}

// After a burst the array becomes smaller at each other trim, and grows again.
TEST(task_deque_schedules, lose_nothing_as_the_array_shrinks) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(6);
    for (std::size_t left = 3 + s.choose(4); left > 0; --left) scene.pop();
    scene.own->trim();
    if (s.choose(2) == 0) scene.own->trim();
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) {
        scene.own->trim();
        scene.domain.flush();
        scene.work(2);
      }
    });
    for (int thief = 0; thief < 2; ++thief) s.spawn([&] { scene.steal_often(2); });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) scene.domain.collect();
    });
    s.run();
    scene.require_all_there();
  }));
}

// As tasks are stolen there is room again without a larger array: places in it are used again at once.
TEST(task_deque_schedules, go_round_the_array_behind_the_thieves) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    scene.push(2);
    s.spawn([&] {
      for (int turn = 0; turn < 6; ++turn)
        if (scene.own->size() < 2)
          scene.push();
        else
          s.yield();
    });
    for (int thief = 0; thief < 2; ++thief) s.spawn([&] { scene.steal_often(3); });
    s.run();
    scene.require_all_there();
  }));
}

// Reclaimers are at work as the deque ends.
TEST(task_deque_schedules, leave_nothing_to_a_domain_when_the_deque_has_gone) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    deque_scene scene(s);
    s.spawn([&] {
      scene.push(5);
      scene.require_all_there();
    });
    s.spawn([&] {
      for (int turn = 0; turn < 3; ++turn) scene.domain.collect();
    });
    s.run();
  }));
}

}  // namespace
}  // namespace cistern::schedules
