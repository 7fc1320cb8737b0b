// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/workers/detail/crew.hpp>
#include <cistern/workers/worker_pool.hpp>
#include <schedules/scheduler.hpp>
#include <schedules/worker_world.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace cistern::schedules {

/// A worker_pool, whose threads are fibres, with an account of its tasks: each that was accepted is run or dropped
/// once. Who waits for tasks has no deadline, and neither have its workers unless a test says so: then a task that lies
/// while nobody comes is a deadlock.
class worker_scene {
 public:
  static constexpr std::chrono::nanoseconds never = std::chrono::nanoseconds::max();

  /// What a schedule begins with, where its test says nothing else.
  static worker_pool_options small(std::size_t max_workers) {
    return {.max_workers = max_workers, .idle_timeout = never, .spin = {}};
  }
  static void before_all() { cistern::detail::crew::make_thread.store(worker_threads::make); }

  worker_scene(scheduler& with, const worker_pool_options& options) : s(with), world(with) {
    before_all();
    worker_pool_options own = options;
    own.upstream = &world.upstream;
    pool.emplace(own);
  }

  /// From outside, or by a task. The task itself runs `then`, if there is such.
  template <class Then>
  submission submit_then(Then&& then, const submit_options* how = nullptr) {
    const std::size_t number = begun_++;
    s.require(number < tasks_.size(), "the account is too small");
    counted<std::decay_t<Then>> made(this, number, std::forward<Then>(then));
    submission what = submission::accepted;
    if (how == nullptr) {
      what = pool->try_submit(std::move(made));
    } else {
      try {
        pool->submit(*how, std::move(made));
      } catch (const submission_refused& refused) {
        what = refused.why();
      }
    }
    s.require(accepted(what) == (made.scene == nullptr), "a callable was not left alone, or was left behind");
    if (accepted(what))
      ++accepted_;
    else
      tasks_[number].is_refused = true;
    made.scene = nullptr;
    return what;
  }
  submission submit(const submit_options* how = nullptr) {
    return submit_then([] {}, how);
  }
  void submit_often(std::size_t count) {
    for (; count > 0; --count) s.require(submit() == submission::accepted, "a task was refused");
  }

  /// Until so many tasks have run, or were dropped.
  void wait_for(std::uint32_t count) {
    for (std::uint32_t ended = ended_.load(); ended < count; ended = ended_.load()) sync::park(ended_, ended);
  }
  std::uint32_t accepted_so_far() const noexcept { return accepted_; }
  std::uint32_t dropped() const noexcept { return dropped_; }
  std::uint32_t ended() const noexcept { return ended_.peek(); }
  std::uint32_t running() const noexcept { return running_; }

  stop_report stop(bool discard = false) {
    const stop_report report = discard ? pool->stop_and_discard() : pool->stop();
    s.require(report.ended, "stop() did not wait");
    s.require(running_ == 0, "a task runs after stop()");
    s.require(world.threads_alive() == 0, "a thread lives after stop()");
    return report;
  }

  /// With every thread ended, after a stop(): what was accepted has run, or was dropped and counted.
  void require_all_accounted_for() {
    s.require(ran_ + dropped_ == accepted_, "a task was lost");
    for (std::size_t i = 0; i < begun_; ++i)
      s.require(tasks_[i].ends == (tasks_[i].is_refused ? 0U : 1U), "a task was not ended exactly once");
    const worker_pool_statistics now = pool->statistics();
    s.require(now.completed == ran_ - ran_elsewhere_, "tasks were miscounted");
    const std::uint64_t cancelled = dropped_ - now.discarded - now.dropped;
    s.require(now.started == now.completed + cancelled && now.running == 0, "tasks were miscounted");
    s.require(now.queued == 0 && now.nested == 0, "a task is left");
    s.require(now.workers == 0 && now.idle == 0, "threads were miscounted");
    pool.reset();
    world.upstream.require_all_back();
  }
  void require_all_run() {
    s.require(dropped_ == 0, "a task was dropped");
    require_all_accounted_for();
  }

  scheduler& s;
  worker_world world;

 private:
  struct record {
    unsigned ends = 0;
    bool is_refused = false;
  };

  template <class Then>
  struct counted {
    counted(worker_scene* in, std::size_t as, Then does) : scene(in), number(as), then(std::move(does)) {}
    counted(counted&& other) noexcept
        : scene(std::exchange(other.scene, nullptr)), number(other.number), then(std::move(other.then)) {}
    counted& operator=(counted&&) = delete;
    ~counted() {
      if (scene != nullptr) scene->dropped(number);
    }
    void operator()() {
      worker_scene& in = *std::exchange(scene, nullptr);
      in.begin(number);
      then();
      in.end();
    }
    worker_scene* scene;
    std::size_t number;
    Then then;
  };

  void begin(std::size_t number) {
    s.require(++tasks_[number].ends == 1, "a task was run twice");
    ++running_;
    if (cistern::detail::place().own == nullptr) ++ran_elsewhere_;
  }
  void end() {
    --running_;
    ++ran_;
    one_ended();
  }
  void dropped(std::size_t number) {
    s.require(++tasks_[number].ends == 1, "a task was dropped that was run");
    ++dropped_;
    one_ended();
  }
  void one_ended() {
    ended_.fetch_add(1);
    sync::unpark_all(ended_);
  }

  std::array<record, 16> tasks_{};
  std::size_t begun_ = 0;
  sync::atomic<std::uint32_t> ended_{0};
  std::uint32_t accepted_ = 0, ran_ = 0, dropped_ = 0, running_ = 0, ran_elsewhere_ = 0;

 public:
  std::optional<worker_pool> pool;
};

/// Something that is waited for.
class event {
 public:
  void set() {
    word_.store(1);
    sync::unpark_all(word_);
  }
  void wait() {
    while (word_.load() == 0) sync::park(word_, 0);
  }
  bool is_set() const noexcept { return word_.peek() != 0; }

 private:
  sync::atomic<std::uint32_t> word_{0};
};

}  // namespace cistern::schedules
