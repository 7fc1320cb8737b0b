// SPDX-License-Identifier: MIT
#include <cistern/workers/detail/task_queue.hpp>
#include <cistern/workers/task.hpp>
#include <schedules/scheduler.hpp>
#include <schedules/worker_world.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

using cistern::detail::task_queue;

/// A queue, whose chunks have two cells, with an account of its tasks.
class queue_scene {
 public:
  static constexpr std::size_t producers = 3, most_of_each = 12;

  explicit queue_scene(scheduler& with) : s(with), world_(with), queue(world_.upstream) {}
  /// With no consumer left.
  ~queue_scene() {
    queue.reset();
    world_.upstream.require_all_back();
  }
  queue_scene(const queue_scene&) = delete;
  queue_scene& operator=(const queue_scene&) = delete;

  /// The producer's next task. False when the queue is closed.
  bool push(std::size_t producer) {
    const auto what = try_push(producer);
    s.require(what != task_queue::outcome::no_memory, "there was memory for a task");
    return what == task_queue::outcome::accepted;
  }
  task_queue::outcome try_push(std::size_t producer) {
    std::size_t& number = accepted_[producer];
    s.require(number < most_of_each, "the account is too small");
    ++begun_;
    marking made(this, producer, number);
    made.ran = true;  // it is none yet
    cistern::detail::task_filler<marking, marking> filler({}, std::move(made));
    const auto what = queue->push(filler);
    const bool is_accepted = what == task_queue::outcome::accepted;
    if (is_accepted) {
      ++number;
      ++pushed_;
    } else {
      --begun_;
    }
    return what;
  }
  void push_often(std::size_t producer, std::size_t count) {
    for (; count > 0; --count) push(producer);
  }

  /// What a consumer has got: nothing, or it has run it.
  class consumer {
   public:
    explicit consumer(queue_scene& scene) : scene_(scene), own_(*scene.queue) {}
    bool pop() {
      queue_scene& scene = scene_;
      const std::size_t there = scene.whole();
      ++scene.popping_;
      task got;
      const bool popped = scene.queue->pop(got, own_);
      --scene.popping_;
      if (!popped) {
        scene.require_none_left_of(there);
        return false;
      }
      ++scene.popped_;
      scene.runs_ = this;
      got();
      return true;
    }
    void look() {
      const std::size_t there = scene_.whole();
      if (scene_.queue->looks_empty()) scene_.require_none_left_of(there);
    }
    void pop_often(std::size_t turns) {
      for (; turns > 0; --turns) pop();
    }

   private:
    friend queue_scene;
    queue_scene& scene_;
    task_queue::consumer own_;
    std::array<std::size_t, producers> next_{};  // of each producer's tasks, the first that may come
  };

  /// With every thread ended: takes out what is left, and each task has come once.
  void require_all_run() {
    s.require(queue->pushed() == pushed_, "tasks were miscounted");
    consumer last(*this);
    while (last.pop()) {
    }
    s.require(popped_ == pushed_, "a task was lost");
    for (std::size_t producer = 0; producer < producers; ++producer)
      for (std::size_t i = 0; i < accepted_[producer]; ++i) s.require(taken_[producer][i] == 1, "a task was lost");
    s.require(queue->looks_empty() && queue->size() == 0 && queue->popped() == popped_, "it is not empty at the end");
  }
  void run_out_of_memory() noexcept { world_.upstream.run_out(); }
  std::size_t pushed() const noexcept { return pushed_; }
  std::size_t dropped() const noexcept { return dropped_; }

  scheduler& s;

 private:
  /// A task. The words at its ends say whether it is whole.
  struct marking {
    marking(queue_scene* in, std::size_t from, std::size_t as) noexcept
        : scene(in), producer(from), number(as), check(~as) {}
    marking(marking&& other) noexcept
        : scene(std::exchange(other.scene, nullptr)),
          producer(other.producer),
          number(other.number),
          check(std::exchange(other.check, 0)) {}
    marking& operator=(marking&&) = delete;
    ~marking() {
      if (scene != nullptr && !ran) ++scene->dropped_;
    }
    void operator()() {
      ran = true;
      queue_scene::took(*this);
    }
    queue_scene* scene;
    std::size_t producer, number, check;
    bool ran = false;
  };

  // Tasks that were accepted, when all of them lie in their cells; with a push under way one in front may not.
  std::size_t whole() const noexcept { return begun_ == pushed_ ? pushed_ : 0; }
  void require_none_left_of(std::size_t there) { s.require(popped_ + popping_ >= there, "a task was not found"); }

  static void took(const marking& task) {
    queue_scene* const scene = task.scene;
    if (scene == nullptr || task.check != ~task.number) return world_of().s.fail("a task is not whole");
    scheduler& s = scene->s;
    s.require(task.producer < producers && task.number < most_of_each, "a task is not whole");
    s.require(++scene->taken_[task.producer][task.number] == 1, "a task was taken twice");
    std::size_t& next = scene->runs_->next_[task.producer];
    s.require(task.number >= next, "one producer's tasks came in another order");
    next = task.number + 1;
  }
  static worker_world& world_of() noexcept { return worker_world::now(); }

  worker_world world_;
  // What is between two scheduling points is one step, so plain numbers will do.
  std::size_t begun_ = 0, pushed_ = 0, popping_ = 0, popped_ = 0, dropped_ = 0;
  std::array<std::size_t, producers> accepted_{};
  std::array<std::array<unsigned, most_of_each>, producers> taken_{};
  consumer* runs_ = nullptr;

 public:
  std::optional<task_queue> queue;
};

constexpr exploration_options some{.schedules = default_schedules / 2}, many{.schedules = 4 * default_schedules};

TEST(task_queue_schedules, give_each_task_once_and_in_order) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    queue_scene scene(s);
    queue_scene::consumer first(scene), second(scene);
    scene.push_often(0, s.choose(3));
    s.spawn([&] { scene.push_often(0, 3); });
    s.spawn([&] { scene.push_often(1, 3); });
    s.spawn([&] { first.pop_often(3); });
    s.spawn([&] { second.pop_often(3); });
    s.run();
    scene.require_all_run();
  }));
}

// One thread goes round the ring of two chunks, twice and a bit, while others may stand in the middle of a pop: one
// that still takes a task out of a cell which is wanted again, one that claims by what it has read two laps ago.
TEST(task_queue_schedules, go_round_behind_slow_consumers) {
  std::size_t rounds = 0;
  EXPECT_TRUE(explore(many, [&](scheduler& s) {
    queue_scene scene(s);
    scene.push_often(0, 2);
    s.spawn([&] {
      queue_scene::consumer own(scene);
      scene.push_often(0, 2);
      own.pop_often(4);
      for (int turn = 0; turn < 3; ++turn) {
        scene.push_often(0, 2);
        own.pop_often(2);
      }
    });
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        queue_scene::consumer own(scene);
        own.pop();
      });
    s.run();
    rounds += scene.queue->chunk_count() == 2 ? 1U : 0U;
    scene.require_all_run();
  }));
  EXPECT_GT(rounds, 0) << "there were never two chunks only";
}

// One consumer stands still for good anywhere in a pop, perhaps with a task: the others go round the ring as often as
// they like, with one chunk more.
TEST(task_queue_schedules, go_round_past_a_consumer_that_never_goes_on) {
  std::size_t most_chunks = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    queue_scene scene(s);
    scene.push_often(0, 2);
    bool is_over = false;
    s.spawn_freezing(1 + s.choose(32), [&] {
      queue_scene::consumer stopped(scene);
      stopped.pop();
      is_over = true;
    });
    s.spawn([&] {
      queue_scene::consumer own(scene);
      own.pop();
      for (int turn = 0; turn < 5; ++turn) {
        scene.push_often(0, 2);
        own.pop_often(2);
      }
      if (!is_over) most_chunks = std::max(most_chunks, scene.queue->chunk_count());
    });
    s.run();
    scene.require_all_run();
  }));
  EXPECT_EQ(most_chunks, 3);
}

// Two chunks are all that there is memory for.
TEST(task_queue_schedules, wait_for_a_consumer_when_there_is_no_memory_to_go_past_it) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    queue_scene scene(s);
    scene.push_often(0, 3);
    scene.run_out_of_memory();
    s.spawn([&] {
      queue_scene::consumer own(scene);
      own.pop_often(3);
      scene.push_often(0, 3);
    });
    s.spawn([&] {
      queue_scene::consumer slow(scene);
      slow.pop();
    });
    s.run();
    scene.require_all_run();
  }));
}

TEST(task_queue_schedules, refuse_when_there_is_no_memory_to_go_past_a_consumer_that_never_goes_on) {
  std::size_t refused = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    queue_scene scene(s);
    scene.push_often(0, 3);
    scene.run_out_of_memory();
    s.spawn_freezing(1 + s.choose(32), [&] {
      queue_scene::consumer stopped(scene);
      stopped.pop();
    });
    s.spawn([&] {
      queue_scene::consumer own(scene);
      own.pop_often(3);
      for (int i = 0; i < 3; ++i)
        if (scene.try_push(0) == task_queue::outcome::no_memory) ++refused;
    });
    s.run();
    scene.require_all_run();
  }));
  EXPECT_GT(refused, 0);
}

// The first chunk is spent and about to be left, as a consumer looks at it that then stands still; meanwhile it becomes
// the last one, and the first.
TEST(task_queue_schedules, look_again_when_a_chunk_is_used_again) {
  EXPECT_TRUE(explore(many, [](scheduler& s) {
    queue_scene scene(s);
    queue_scene::consumer quick(scene), slow(scene);
    scene.push_often(0, 4);
    quick.pop_often(2);
    s.spawn([&] {
      quick.pop_often(1 + s.choose(2));
      scene.push_often(0, 1 + s.choose(3));
      quick.pop_often(3);
    });
    s.spawn([&] {
      if (s.choose(2) == 0)
        slow.look();
      else
        slow.pop();
    });
    s.run();
    scene.require_all_run();
  }));
}

TEST(task_queue_schedules, use_chunks_again_behind_a_slow_producer) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    queue_scene scene(s);
    s.spawn([&] {
      queue_scene::consumer own(scene);
      for (int turn = 0; turn < 4; ++turn) {
        scene.push_often(0, 2);
        own.pop_often(2);
      }
    });
    s.spawn([&] { scene.push_often(1, 2); });
    s.run();
    scene.require_all_run();
  }));
}

// What was accepted comes out, and nothing else; and after open() it goes on.
TEST(task_queue_schedules, close_between_two_pushes) {
  EXPECT_TRUE(explore(some, [](scheduler& s) {
    queue_scene scene(s);
    queue_scene::consumer one(scene);
    scene.push_often(0, s.choose(3));
    for (std::size_t producer = 0; producer < 2; ++producer)
      s.spawn([&, producer] {
        for (int turn = 0; turn < 3; ++turn)
          if (!scene.push(producer)) break;
      });
    s.spawn([&] {
      scene.queue->close();
      const std::uint64_t all = scene.queue->pushed();
      while (scene.queue->popped() != all) {
        if (!one.pop()) sync::yield();
      }
      s.require(scene.queue->pushed() == all, "a closed queue accepted a task");
      scene.queue->open();
      s.require(scene.push(2), "an open queue did not accept a task");
    });
    s.run();
    scene.require_all_run();
  }));
}

// Chunks that nobody needs any more go back while others still look at them.
TEST(task_queue_schedules, trim_away_no_chunk_that_is_read) {
  std::size_t trimmed = 0;
  EXPECT_TRUE(explore(some, [&](scheduler& s) {
    queue_scene scene(s);
    queue_scene::consumer before(scene), other(scene);
    scene.push_often(0, 5);
    before.pop_often(5);
    static_cast<void>(scene.queue->trim());
    const std::size_t chunks = scene.queue->chunk_count();
    s.spawn([&] {
      queue_scene::consumer own(scene);
      for (int turn = 0; turn < 2; ++turn) {
        scene.push_often(0, 1 + s.choose(2));
        own.pop_often(1);
      }
    });
    s.spawn([&] {
      scene.push(1);
      other.pop();
    });
    s.spawn([&] {
      static_cast<void>(scene.queue->trim());
      static_cast<void>(scene.queue->trim());
    });
    s.run();
    if (scene.queue->chunk_count() < chunks) ++trimmed;
    scene.require_all_run();
  }));
  EXPECT_GT(trimmed, 0) << "no chunk ever went back";
}

TEST(task_queue_schedules, drop_what_is_left) {
  EXPECT_TRUE(explore({.schedules = default_schedules / 10}, [](scheduler& s) {
    queue_scene scene(s);
    for (std::size_t producer = 0; producer < 2; ++producer)
      s.spawn([&, producer] { scene.push_often(producer, 1 + s.choose(4)); });
    s.spawn([&] {
      queue_scene::consumer one(scene);
      one.pop_often(2);
    });
    s.run();
    const std::uint64_t left = scene.queue->pushed() - scene.queue->popped();
    scene.queue.reset();
    s.require(scene.dropped() == left, "a task that was left was not dropped");
  }));
}

}  // namespace
}  // namespace cistern::schedules
