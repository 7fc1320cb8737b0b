// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/object_pool.hpp>
#include <schedules/arena_upstream.hpp>
#include <schedules/pool_scene.hpp>
#include <schedules/scheduler.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace cistern::schedules {

/// A pool of objects with all that belongs to it, and an account of the objects that there are: who holds which, what
/// was put when, and that each is destroyed once and only while nobody holds it. An object holds a cookie of its
/// holder's, too.
///
/// With objects of one word a thread keeps two magazines of two; with three words also a full one.
template <std::size_t words = 1>
class object_scene {
 public:
  struct thing {
    explicit thing(object_scene& scene) { scene.made(this); }
    ~thing() {
      for (std::uint64_t& each : word) each = 0;
    }
    thing(const thing&) = delete;
    thing& operator=(const thing&) = delete;

    std::uint64_t word[words];
  };
  /// The pool's way into the account.
  struct hooks {
    object_scene* scene;
    thing make() {
      scene->s.yield();  // what users do takes its time
      return thing(*scene);
    }
    void drop(thing& object) noexcept {
      scene->dropped(&object);
      scene->s.yield();
    }
  };
  using handle = pooled<thing, hooks>;
  using shared = shared_pooled<thing, hooks>;

  explicit object_scene(scheduler& with, const object_pool_options& options = {})
      : s(with), upstream_(with, with.choose(2) == 0), max_total_(options.max_total) {
    make_leaves(s, upstream_);
    by_each_ = options.ageing == object_ageing::two_ticks;
    object_pool_options own = options;
    own.upstream = &upstream_;
    own.clock = &clock;
    own.background = false;
    own.at_end = blocks_out::abort;
    pool.emplace(hooks{this}, own);
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
  void put(handle& held, std::uint8_t holder) {
    const thing* const object = held.get();
    const std::uint64_t number = given(object, holder);
    held.put();
    // Unless it has gone on already.
    if (record* const now = find(object); now != nullptr && now->put == number) now->in_put = false;
  }
  void discard(handle& held, std::uint8_t holder) {
    given(held.get(), holder);
    find(held.get())->discarded = true;
    held.discard();
  }

  // Of objects with several owners, each of which calls this right before it lets go.
  void let_go(const shared& owned, std::uint8_t holder, std::uint32_t& owners) {
    require_held(owned.get(), holder);
    if (--owners == 0) given(owned.get(), holder);
  }

  /// Gets and puts `turns` times, in any order, with up to `most` objects in hand, and puts what is left. Ends when the
  /// pool is closed.
  void work(std::uint8_t holder, int turns, std::size_t most = 2) {
    handle held[3];
    std::size_t count = 0;
    for (; turns > 0; --turns) {
      if (count == 0 || (count < most && s.choose(2) == 0)) {
        held[count] = get(holder);
        if (!held[count]) break;
        ++count;
      } else {
        put(held[--count], holder);
      }
    }
    while (count > 0) put(held[--count], holder);
  }
  /// Makes objects that lie in this thread's magazines.
  void warm(std::size_t count) {
    s.require(pool->warm(count) == count, "it would not warm up");
    for (std::size_t i = 0; i < count_; ++i) records_[i].in_put = false;
  }

  void tick(age_level level = age_level::tick) {
    ++ticks_begun_;
    clock.tick(level);
    ++ticks_done_;
  }

  /// Closes, and requires that what lay idle before is destroyed. Only true when nobody gets at the same time.
  void close_and_require_idle_gone() {
    for (std::size_t i = 0; i < count_; ++i)
      records_[i].idle_at_close = records_[i].holder == nobody && !records_[i].in_put;
    close();
    for (std::size_t i = 0; i < count_; ++i)
      s.require(!records_[i].idle_at_close, "an object that was idle is left after a close");
  }
  void close() {
    all_may_go_ = true;
    pool->close();
  }

  std::size_t objects() const noexcept { return count_; }
  std::size_t idle() const {
    const object_pool_statistics now = pool->statistics();
    return now.idle_threads + now.idle_depot;
  }

  /// With every thread ended and every object put: none is lost, nothing is miscounted, and all goes with the pool.
  void require_all_back() {
    const object_pool_statistics now = pool->statistics();
    s.require(now.total == count_, "the total is wrong");
    s.require(now.live == 0, "an object was lost");
    s.require(now.gets == gets_, "gets were miscounted");
    s.require(now.made - now.dropped == count_ && now.dropped == dropped_, "objects were miscounted");
    all_may_go_ = true;
    pool.reset();
    s.require(count_ == 0, "an object was never destroyed");
    upstream_.require_all_back();
  }

  scheduler& s;
  ageing_clock clock;

 private:
  static constexpr std::uint8_t nobody = 0xff;

  struct record {
    const thing* object;
    std::uint64_t put;         // the number of the last one
    std::uint64_t ticks_done;  // when that began
    std::uint8_t holder;
    bool in_put;
    bool idle_at_close = false;
    bool discarded = false;
  };

  record* find(const thing* object) {
    for (std::size_t i = 0; i < count_; ++i)
      if (records_[i].object == object) return &records_[i];
    return nullptr;
  }
  static std::uint64_t cookie_of(const thing* object, std::uint8_t holder) {
    return (std::uint64_t{reinterpret_cast<std::uintptr_t>(object)} << 8 | holder) * 0x9e3779b97f4a7c15;
  }
  void lay(thing* object, std::uint8_t holder) {
    for (std::uint64_t& each : object->word) each = cookie_of(object, holder);
  }
  void require_cookie(const thing* object, std::uint8_t holder) {
    for (const std::uint64_t each : object->word)
      s.require(each == cookie_of(object, holder), "another wrote to an object");
  }

  void made(thing* object) {
    s.require(find(object) == nullptr, "an object was made in the place of another");
    s.require(count_ < max_total_, "there are more objects than max_total");
    s.require(count_ < records_.size(), "the account is too small");
    records_[count_++] = {.object = object, .put = 0, .ticks_done = ticks_done_, .holder = nobody, .in_put = true};
    lay(object, nobody);
  }
  void taken(thing* object, std::uint8_t holder) {
    ++gets_;
    record* const of = find(object);
    s.require(of != nullptr, "an object was handed out after it was destroyed");
    s.require(of->holder == nobody, "two hold one object");
    require_cookie(object, nobody);
    of->holder = holder;
    of->in_put = of->idle_at_close = false;
    lay(object, holder);
  }
  void require_held(const thing* object, std::uint8_t holder) {
    const record* const of = find(object);
    s.require(of != nullptr, "an object was destroyed while it was held");
    s.require(of->holder == holder, "two hold one object");
    require_cookie(object, holder);
  }
  std::uint64_t given(const thing* object, std::uint8_t holder) {
    require_held(object, holder);
    record& of = *find(object);
    of.holder = nobody;
    of.in_put = true;
    of.put = ++puts_;
    of.ticks_done = ticks_done_;
    lay(const_cast<thing*>(object), nobody);
    return of.put;
  }
  void dropped(const thing* object) {
    record* const of = find(object);
    s.require(of != nullptr, "an object was destroyed twice");
    s.require(of->holder == nobody, "an object was destroyed while it was held");
    if (by_each_ && !all_may_go_ && !of->discarded)
      s.require(ticks_begun_ >= of->ticks_done + 2, "an object was destroyed before it was two ticks old");
    *of = records_[--count_];
    ++dropped_;
  }

  arena_upstream upstream_;
  const std::size_t max_total_;
  bool by_each_ = false, all_may_go_ = false;
  std::uint64_t ticks_begun_ = 0, ticks_done_ = 0;
  std::uint64_t gets_ = 0, puts_ = 0, dropped_ = 0;
  std::size_t count_ = 0;
  std::array<record, 24> records_;

 public:
  std::optional<object_pool<thing, hooks>> pool;  // goes before its upstream
};

}  // namespace cistern::schedules
