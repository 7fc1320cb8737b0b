// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/bounded_pool.hpp>
#include <schedules/arena_upstream.hpp>
#include <schedules/scheduler.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <utility>

namespace cistern::schedules {

/// A bounded_pool with all that belongs to it, and an account of the things in it: who holds which, that each is
/// destroyed once and only while nobody holds it, and that the bound holds. The sources are made small: a limit of two
/// is two stripes of one place each, and a thread that comes to a stripe twice in a row has its bias.
class bounded_scene {
 public:
  struct thing {
    explicit thing(bounded_scene& scene) { scene.made(this); }
    thing(const thing&) = delete;
    thing& operator=(const thing&) = delete;
    std::uint64_t word = 0;
  };
  /// The pool's way into the account.
  struct hooks {
    bounded_scene* scene;
    thing make() {
      scene->s.yield();  // what users do takes its time
      return thing(*scene);
    }
    void drop(thing& gone) noexcept {
      scene->dropped(&gone);
      scene->s.yield();
    }
  };
  using handle = bounded_pool<thing, hooks>::handle;

  /// What the first pool of a process does, no later one does: so it is made before the first schedule.
  static void before_all() {
    bounded_pool<int> first(1, {.upstream = std::pmr::new_delete_resource(), .clock = nullptr});
  }

  bounded_scene(scheduler& with, std::size_t limit, const bounded_pool_options& options = {})
      : s(with), upstream_(with, with.choose(2) == 0), limit_(limit), by_(options.by) {
    bounded_pool_options own = options;
    own.upstream = &upstream_;
    own.clock = &clock;
    own.background = false;
    pool.emplace(limit, hooks{this}, own);
  }

  /// Empty when the pool is closed or exhausted.
  handle get(std::uint8_t holder) {
    handle got;
    try {
      got = pool->get();
    } catch (const pool_closed&) {
    } catch (const pool_exhausted&) {
    }
    if (got) taken(got.get(), holder);
    return got;
  }
  handle try_get(std::uint8_t holder) {
    handle got = pool->try_get();
    if (got) taken(got.get(), holder);
    return got;
  }
  void put(handle& held, std::uint8_t holder) {
    given(held.get(), holder);
    held.put();
  }
  void discard(handle& held, std::uint8_t holder) {
    given(held.get(), holder);
    held.discard();
  }

  /// Gets and puts `turns` times, in any order, with up to two in hand, and puts what is left.
  void work(std::uint8_t holder, int turns) {
    handle held[2];
    std::size_t count = 0;
    for (; turns > 0; --turns) {
      if (count == 0 || (count < 2 && s.choose(2) == 0)) {
        held[count] = get(holder);
        if (held[count]) ++count;
      } else if (s.choose(8) == 0) {
        discard(held[--count], holder);
      } else {
        put(held[--count], holder);
      }
    }
    while (count > 0) put(held[--count], holder);
  }
  /// Things that lie idle; and this thread has its stripe's bias, if it can.
  void warm(std::size_t count) {
    s.require(pool->warm(count) == count, "it would not warm up");
    for (int turn = 0; turn < 3; ++turn) {
      handle held = get(0);
      put(held, 0);
    }
  }

  std::size_t things() const noexcept { return count_; }

  /// With every thread ended and every thing put: none is lost, nothing is miscounted, and all goes with the pool.
  void require_all_back() {
    const bounded_pool_statistics now = pool->statistics();
    s.require(now.total == count_ && now.made - now.dropped == count_, "things were miscounted");
    s.require(now.kept == count_ && now.out == 0 && now.extras == 0, "a thing was lost");
    s.require(now.gets == gets_, "gets were miscounted");
    s.require(now.kept <= limit_, "more are kept than the limit");
    end();
    require_nothing_left();
  }
  void end() { pool.reset(); }
  void require_nothing_left() {
    s.require(count_ == 0, "a thing was never destroyed");
    upstream_.require_all_back();
  }

  scheduler& s;
  ageing_clock clock;

 private:
  static constexpr std::uint8_t nobody = 0xff;
  struct record {
    const thing* of;
    std::uint8_t holder;
  };

  record* find(const thing* of) {
    for (std::size_t i = 0; i < count_; ++i)
      if (records_[i].of == of) return &records_[i];
    return nullptr;
  }
  void made(thing* one) {
    s.require(find(one) == nullptr, "a thing was made in the place of another");
    s.require(by_ != bound::total || count_ < limit_, "there are more things than the limit");
    s.require(count_ < records_.size(), "the account is too small");
    records_[count_++] = {one, nobody};
  }
  void taken(thing* one, std::uint8_t holder) {
    ++gets_;
    record* const of = find(one);
    s.require(of != nullptr, "a thing was handed out after it was destroyed");
    s.require(of->holder == nobody && one->word == 0, "two hold one thing");
    of->holder = holder;
    one->word = holder + 1U;
  }
  void given(thing* one, std::uint8_t holder) {
    record* const of = find(one);
    s.require(of != nullptr, "a thing was destroyed while it was held");
    s.require(of->holder == holder && one->word == holder + 1U, "two hold one thing");
    of->holder = nobody;
    one->word = 0;
  }
  void dropped(const thing* one) {
    record* const of = find(one);
    s.require(of != nullptr, "a thing was destroyed twice");
    s.require(of->holder == nobody, "a thing was destroyed while it was held");
    *of = records_[--count_];
  }

  arena_upstream upstream_;
  const std::size_t limit_;
  const bound by_;
  std::uint64_t gets_ = 0;
  std::size_t count_ = 0;
  std::array<record, 24> records_;

 public:
  std::optional<bounded_pool<thing, hooks>> pool;  // goes before its upstream
};

}  // namespace cistern::schedules
