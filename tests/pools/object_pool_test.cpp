// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/keep_rules.hpp>
#include <cistern/pools/object_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using cistern::ageing_clock;
using cistern::object_ageing;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::pool_closed;
using cistern::pool_exhausted;
using cistern::pooled;
using cistern::shared_pooled;
using cistern::statistics_resource;
using testing::HasSubstr;

object_pool_options without_clock() { return {.name = "things", .clock = nullptr}; }

// Counts how many there are, and may not be moved.
struct counted {
  static inline std::atomic<int> there{0};
  counted() { ++there; }
  ~counted() { --there; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  int value = 0;
};

// ---- get and put

TEST(object_pool, hands_out_on_one_thread_what_was_put_last) {
  object_pool<int> pool(without_clock());
  auto first = pool.get(), second = pool.get();
  int* const last = first.get();
  second.put();
  first.put();
  EXPECT_EQ(pool.get().get(), last);
}

TEST(object_pool, keeps_objects_constructed) {
  object_pool<std::string> pool(without_clock());
  const char* text = nullptr;
  {
    auto string = pool.get();
    string->assign(1000, 'a');
    text = string->data();
  }
  auto again = pool.get();
  EXPECT_EQ(again->data(), text);
  EXPECT_EQ(*again, std::string(1000, 'a'));
}

TEST(object_pool, makes_one_only_when_none_is_idle) {
  object_pool<counted> pool(without_clock());
  for (int i = 0; i < 100; ++i) static_cast<void>(pool.get());
  EXPECT_EQ(counted::there, 1);
  auto one = pool.get(), other = pool.get();
  EXPECT_EQ(counted::there, 2);
}

TEST(object_pool, has_nothing_to_try_when_nothing_is_idle) {
  object_pool<counted> pool(without_clock());
  EXPECT_FALSE(pool.try_get());
  pool.get().put();
  auto got = pool.try_get();
  EXPECT_TRUE(got);
  EXPECT_FALSE(pool.try_get());
}

TEST(object_pool, destroys_what_is_idle_as_it_ends) {
  {
    object_pool<counted> pool(without_clock());
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 1000; ++i) held.push_back(pool.get());
    held.clear();
    EXPECT_EQ(counted::there, 1000);
  }
  EXPECT_EQ(counted::there, 0);
}

TEST(object_pool, aligns_and_sizes_objects_of_every_kind) {
  struct alignas(64) line {
    char bytes[64];
  };
  struct alignas(4096) page {
    char bytes[4096];
  };
  object_pool<line> lines(without_clock());
  object_pool<page> pages(without_clock());
  object_pool<char> chars(without_clock());
  object_pool<int[100]> arrays(without_clock());
  object_pool<std::array<char, 300'000>> large(without_clock());
  std::vector<pooled<line>> held_lines;
  std::vector<pooled<page>> held_pages;
  std::vector<pooled<char>> held_chars;
  std::vector<pooled<int[100]>> held_arrays;
  std::set<const void*> seen;
  for (int i = 0; i < 200; ++i) {
    auto* const one = lines.acquire();
    auto* const two = pages.acquire();
    auto* const three = chars.acquire();
    auto* const four = arrays.acquire();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(one) % 64, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(two) % 4096, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(four) % alignof(int), 0u);
    EXPECT_EQ((*four)[99], 0);
    for (const void* each : {static_cast<const void*>(one), static_cast<const void*>(two),
                             static_cast<const void*>(three), static_cast<const void*>(four)})
      EXPECT_TRUE(seen.insert(each).second);
    held_lines.push_back(lines.adopt(one));
    held_pages.push_back(pages.adopt(two));
    held_chars.push_back(chars.adopt(three));
    held_arrays.push_back(arrays.adopt(four));
  }
  auto a = large.get(), b = large.get();
  (*a)[299'999] = 1;
  (*b)[0] = 2;
  EXPECT_EQ((*a)[299'999], 1);
}

TEST(object_pool, gets_objects_that_other_threads_have_put) {
  object_pool<counted> pool(without_clock());
  std::vector<counted*> put;
  {
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 3000; ++i) held.push_back(pool.get());
    for (auto& each : held) put.push_back(each.get());
  }
  std::set<counted*> stolen;
  std::thread([&] {
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 3000; ++i) {
      held.push_back(pool.try_get());
      ASSERT_TRUE(held.back()) << i;
      stolen.insert(held.back().get());
    }
    EXPECT_FALSE(pool.try_get());
  }).join();
  EXPECT_EQ(stolen, std::set<counted*>(put.begin(), put.end()));
  EXPECT_EQ(counted::there, 3000);
  EXPECT_GT(pool.statistics().steals, 0u);
}

TEST(object_pool, steals_the_only_object_of_a_thread_that_sleeps) {
  object_pool<counted> pool(without_clock());
  std::latch put(1), end(1);
  std::thread sleeper([&] {
    pool.get().put();
    put.count_down();
    end.wait();
  });
  put.wait();
  EXPECT_TRUE(pool.try_get());
  EXPECT_EQ(pool.statistics().steals, 1u);
  end.count_down();
  sleeper.join();
}

// ---- handles

TEST(pooled, is_move_only_and_safe_when_it_holds_nothing) {
  using handle = object_pool<counted>::handle;
  static_assert(std::is_nothrow_move_constructible_v<handle> && std::is_nothrow_move_assignable_v<handle>);
  static_assert(!std::is_copy_constructible_v<handle> && !std::is_copy_assignable_v<handle>);
  static_assert(!std::is_copy_constructible_v<object_pool<counted>> &&
                !std::is_move_constructible_v<object_pool<counted>>);
  object_pool<counted> pool(without_clock());
  handle empty;
  empty.put();
  empty.discard();
  EXPECT_FALSE(empty);
  handle one = pool.get();
  handle other = std::move(one);
  EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move)
  one.put();
  EXPECT_TRUE(other);
  handle& self = other;
  other = std::move(self);
  EXPECT_TRUE(other);
  other = pool.get();
  EXPECT_EQ(pool.statistics().live, 1u);
  other.put();
  EXPECT_EQ(other.get(), nullptr);
  other.put();
  pool.release(nullptr);
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(pooled, may_be_detached_and_adopted) {
  object_pool<counted> pool(without_clock());
  counted* const raw = pool.get().detach();
  EXPECT_EQ(pool.statistics().live, 1u);
  { auto handle = pool.adopt(raw); }
  EXPECT_EQ(pool.statistics().live, 0u);
  counted* const again = pool.acquire();
  pool.release(again, pool.generation_of(again));
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(pooled, destroys_its_object_when_it_is_discarded) {
  object_pool<counted> pool(without_clock());
  pool.get().discard();
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(pool.statistics().dropped, 1u);
  EXPECT_EQ(pool.statistics().total, 0u);
}

TEST(pooled, may_be_put_by_another_thread_and_after_its_pool) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  object_pool_options options = without_clock();
  options.upstream = &upstream;
  pooled<counted> one, other;
  testing::internal::CaptureStderr();
  {
    object_pool<counted> pool(options);
    one = pool.get();
    other = pool.get();
    pool.get().put();
    EXPECT_EQ(counted::there, 3);
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("cistern: pool \"things\" of "));
  EXPECT_EQ(counted::there, 2);
  one->value = 7;
  std::thread([&] { one.put(); }).join();
  EXPECT_EQ(counted::there, 1);
  other.put();
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(shared_pooled, puts_its_object_with_the_last_owner) {
  object_pool<counted> pool(without_clock());
  shared_pooled<counted> first = pool.get().share();
  {
    const shared_pooled<counted> second = first;
    EXPECT_EQ(second.use_count(), 2u);
    EXPECT_EQ(second.get(), first.get());
    shared_pooled<counted> third = second;
    third = std::move(first);
    EXPECT_EQ(second.use_count(), 2u);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(pool.statistics().live, 1u);
  }
  EXPECT_EQ(pool.statistics().live, 0u);
  EXPECT_FALSE(shared_pooled<counted>());
  EXPECT_EQ(shared_pooled<counted>().use_count(), 0u);
}

TEST(shared_pooled, is_put_once_by_owners_on_many_threads) {
  object_pool<counted> pool(without_clock());
  for (int round = 0; round < 200; ++round) {
    shared_pooled<counted> shared = pool.get().share();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([copy = shared]() mutable { copy.reset(); });
    shared.reset();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(counted::there, 1);
  EXPECT_EQ(pool.statistics().live, 0u);
}

// ---- hooks

struct journal {
  std::vector<std::string>* lines;
  std::string make() {
    lines->push_back("make");
    return "new";
  }
  void prepare(std::string& object) { lines->push_back("prepare " + object); }
  bool keep(const std::string& object) {
    lines->push_back("keep " + object);
    return object.size() < 10;
  }
  void reset(std::string& object) {
    lines->push_back("reset " + object);
    object = "clean";
  }
  void drop(std::string& object) noexcept { lines->push_back("drop " + object); }
};

TEST(object_pool_hooks, are_called_in_their_order) {
  std::vector<std::string> lines;
  {
    object_pool<std::string, journal> pool(journal{&lines}, without_clock());
    *pool.get() = "used";
    *pool.get() = "much too long to be kept";
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"make", "prepare new", "keep used", "reset used", "prepare clean",
                                             "keep much too long to be kept", "drop much too long to be kept"}));
}

struct failing {
  int* until;  // which call throws
  bool in_make = false, in_prepare = false, in_reset = false, in_keep = false;
  void step(bool wanted) const {
    if (wanted && --*until == 0) throw std::runtime_error("hook");
  }
  std::string make() {
    step(in_make);
    return std::string(1000, 'm');
  }
  void prepare(std::string&) { step(in_prepare); }
  void reset(std::string&) { step(in_reset); }
  bool keep(std::string&) {
    step(in_keep);
    return true;
  }
};

TEST(object_pool_hooks, lose_nothing_when_they_throw) {
  for (int which = 0; which < 4; ++which)
    for (int at = 1; at < 6; ++at) {
      int until = at;
      failing hooks{&until};
      (which == 0 ? hooks.in_make : which == 1 ? hooks.in_prepare : which == 2 ? hooks.in_reset : hooks.in_keep) = true;
      object_pool<std::string, failing> pool(hooks, without_clock());
      int thrown = 0;
      for (int i = 0; i < 5; ++i) try {
          auto one = pool.get(), other = pool.get();
          one.put();
          other.put();
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      const auto numbers = pool.statistics();
      EXPECT_EQ(numbers.live, 0u) << which << at;
      EXPECT_EQ(numbers.total, numbers.idle_threads + numbers.idle_depot);
      EXPECT_EQ(numbers.failed, until <= 0 ? 1u : 0u) << which << at;
      EXPECT_LE(thrown, 1);
    }
}

TEST(object_pool_hooks, go_no_further_from_a_destructor) {
  int until = 1;
  failing hooks{&until};
  hooks.in_reset = true;
  object_pool<std::string, failing> pool(hooks, without_clock());
  { auto gone = pool.get(); }
  EXPECT_EQ(pool.statistics().failed, 1u);
  EXPECT_EQ(pool.statistics().total, 0u);
}

struct named_hooks {
  const char* name = "hooks";
};

TEST(object_pool_hooks, may_have_members_with_the_names_of_options) {
  object_pool<int, named_hooks> pool({.name = "pool"});
  EXPECT_EQ(pool.name(), "pool");
  object_pool<int, named_hooks> other({.name = "other hooks"}, {.name = "other"});
  EXPECT_EQ(other.name(), "other");
  EXPECT_STREQ(other.hooks().name, "other hooks");
}

// A destructor that uses the pool it is in.
struct nested {
  object_pool<nested>* pool = nullptr;
  ~nested() {
    if (pool == nullptr) return;
    auto other = pool->try_get();
    if (other) other->pool = nullptr;
  }
};

TEST(object_pool_hooks, may_use_the_pool_as_it_destroys_objects) {
  object_pool<nested> pool(without_clock());
  std::vector<object_pool<nested>::handle> held;
  for (int i = 0; i < 500; ++i) {
    held.push_back(pool.get());
    held.back()->pool = &pool;
  }
  held.clear();
  pool.clear();
  pool.clear();
  EXPECT_EQ(pool.statistics().total, 0u);
}

// ---- rules that keep

struct by_use {
  cistern::keep_by_use rule{};
  bool keep(const std::string& text, std::uint8_t& strikes) { return rule(text.size(), text.capacity(), strikes); }
  void reset(std::string& text) { text.clear(); }
};

TEST(keep_by_use, bears_four_small_uses_of_a_large_object_and_no_fifth) {
  object_pool<std::string, by_use> pool(without_clock());
  pool.get()->assign(100'000, 'x');
  for (int i = 0; i < 4; ++i) {
    pool.get()->assign(100, 'x');
    EXPECT_EQ(pool.statistics().dropped, 0u) << i;
  }
  pool.get()->assign(100, 'x');
  EXPECT_EQ(pool.statistics().refused, 1u);
}

TEST(keep_by_use, forgives_when_a_large_object_is_needed_again) {
  object_pool<std::string, by_use> pool(without_clock());
  for (int i = 0; i < 100; ++i) pool.get()->assign(i % 5 == 0 ? 100'000 : 100, 'x');
  EXPECT_EQ(pool.statistics().dropped, 0u);
}

TEST(keep_by_use, keeps_small_ones_always_and_the_largest_never) {
  cistern::keep_by_use rule{.never = 1'000'000};
  std::uint8_t strikes = 0;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(rule(0, 4096, strikes));
  EXPECT_FALSE(rule(1'000'001, 1'000'001, strikes));
  EXPECT_TRUE(cistern::keep_up_to{}(65'536));
  EXPECT_FALSE(cistern::keep_up_to{}(65'537));
}

// ---- limits

TEST(object_pool_limits, have_no_more_objects_than_max_total) {
  object_pool_options options = without_clock();
  options.max_total = 3;
  object_pool<counted> pool(options);
  auto a = pool.get(), b = pool.get(), c = pool.get();
  try {
    static_cast<void>(pool.get());
    FAIL();
  } catch (const pool_exhausted& none) {
    EXPECT_THAT(none.what(), HasSubstr("pool \"things\" of "));
    EXPECT_THAT(none.what(), HasSubstr("all of its 3 objects are out"));
  }
  EXPECT_EQ(pool.statistics().failures, 1u);
  b.put();
  EXPECT_TRUE(pool.get());
  EXPECT_EQ(counted::there, 3);
}

TEST(object_pool_limits, wait_for_a_put_until_their_deadline) {
  object_pool_options options = without_clock();
  options.max_total = 1;
  options.max_wait = 10s;
  object_pool<counted> pool(options);
  auto only = pool.get();
  EXPECT_THROW(static_cast<void>(pool.get_for(20ms)), pool_exhausted);
  EXPECT_THROW(static_cast<void>(pool.get_until(std::chrono::steady_clock::now() + 20ms)), pool_exhausted);
  for (int round = 0; round < 20; ++round) {
    std::thread other([&, held = std::move(only)]() mutable {
      std::this_thread::sleep_for(1ms);
      held.put();
    });
    only = pool.get();
    other.join();
    ASSERT_TRUE(only);
  }
  EXPECT_EQ(counted::there, 1);
  EXPECT_GE(pool.statistics().waits, 2u);
}

TEST(object_pool_limits, let_many_threads_share_few_objects) {
  object_pool_options options = without_clock();
  options.max_total = 2;
  options.max_wait = 60s;
  object_pool<counted> pool(options);
  std::atomic<int> out{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 200; ++turn) {
        auto one = pool.get();
        const int now = ++out;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        if (turn % 16 == 0) std::this_thread::yield();
        --out;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 2);
  EXPECT_LE(counted::there, 2);
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(object_pool_limits, keep_no_more_idle_than_max_idle) {
  object_pool_options options = without_clock();
  options.max_idle = 5;
  object_pool<counted> pool(options);
  std::vector<object_pool<counted>::handle> held;
  for (int i = 0; i < 20; ++i) held.push_back(pool.get());
  std::thread([&] { held.resize(10); }).join();
  held.clear();
  EXPECT_EQ(counted::there, 5);
  EXPECT_EQ(pool.statistics().refused, 15u);
  for (int i = 0; i < 20; ++i) held.push_back(pool.get());
  held.clear();
  EXPECT_EQ(counted::there, 5);
  EXPECT_EQ(pool.warm(3), 0u);
}

TEST(object_pool_limits, say_which_option_is_wrong) {
  const auto refusal = [](object_pool_options options) -> std::string {
    try {
      const object_pool<int> pool(options);
      return "none";
    } catch (const std::invalid_argument& wrong) {
      return wrong.what();
    }
  };
  EXPECT_THAT(refusal({.max_total = 0}), HasSubstr("max_total is 0"));
  EXPECT_THAT(refusal({.max_wait = -1ns}), HasSubstr("max_wait is negative"));
  EXPECT_THAT(refusal({.max_idle = 3, .min_idle = 4}), HasSubstr("min_idle (4) is above max_idle or max_total"));
  EXPECT_THAT(refusal({.max_total = 3, .min_idle = 4}), HasSubstr("min_idle (4) is above max_idle or max_total"));
  EXPECT_EQ(refusal({.max_idle = 4, .min_idle = 4}), "none");
}

TEST(object_pool, is_warm_when_told_to) {
  object_pool<counted> pool(without_clock());
  EXPECT_EQ(pool.warm(300), 300u);
  EXPECT_EQ(counted::there, 300);
  std::vector<object_pool<counted>::handle> held;
  for (int i = 0; i < 300; ++i) held.push_back(pool.get());
  EXPECT_EQ(counted::there, 300);
  EXPECT_EQ(pool.statistics().misses, 0u);
  EXPECT_EQ(pool.statistics().made, 300u);
}

TEST(object_pool_limits, count_idle_ones_right_as_they_come_and_go) {
  object_pool_options options = without_clock();
  options.max_idle = 100;
  object_pool<counted> pool(options);
  for (int round = 0; round < 3; ++round) {
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 150; ++i) held.push_back(pool.get());
    std::thread([&] { held.resize(80); }).join();
    held.clear();
    EXPECT_EQ(counted::there, 100);
    pool.clear();
    EXPECT_EQ(pool.warm(200), 100u);
    pool.clear();
    EXPECT_EQ(counted::there, 0);
  }
}

TEST(object_pool, is_empty_when_it_is_cleared) {
  object_pool<counted> pool(without_clock());
  auto out = pool.get();
  pool.warm(100);
  pool.clear();
  EXPECT_EQ(counted::there, 1);
  out.put();
  EXPECT_EQ(pool.statistics().idle_threads, 1u);
  pool.trim();
  EXPECT_EQ(counted::there, 0);
}

TEST(object_pool, destroys_what_is_put_after_it_is_closed) {
  object_pool<counted> pool(without_clock());
  auto out = pool.get();
  pool.warm(10);
  pool.close();
  EXPECT_EQ(counted::there, 1);
  EXPECT_THROW(static_cast<void>(pool.get()), pool_closed);
  EXPECT_FALSE(pool.try_get());
  EXPECT_EQ(pool.warm(1), 0u);
  out->value = 3;
  out.put();
  EXPECT_EQ(counted::there, 0);
  pool.close();
}

TEST(object_pool, wakes_those_who_wait_when_it_is_closed) {
  object_pool_options options = without_clock();
  options.max_total = 1;
  options.max_wait = 60s;
  object_pool<counted> pool(options);
  auto out = pool.get();
  std::thread waiter([&] { EXPECT_THROW(static_cast<void>(pool.get()), pool_closed); });
  while (pool.statistics().waits == 0) std::this_thread::yield();
  pool.close();
  waiter.join();
}

TEST(object_pool, makes_and_destroys_each_time_when_passing_through) {
  object_pool_options options = without_clock();
  options.pass_through = true;
  object_pool<counted> pool(options);
  for (int i = 0; i < 10; ++i) {
    auto one = pool.get();
    EXPECT_EQ(one->value, 0);
    one->value = 1;
  }
  EXPECT_EQ(counted::there, 0);
  EXPECT_EQ(pool.statistics().made, 10u);
}

// The one object that comes and goes does not take its memory along each time.
TEST(object_pool, keeps_memory_for_the_next_object_until_a_tick) {
  ageing_clock clock;
  statistics_resource upstream(std::pmr::new_delete_resource());
  object_pool<std::array<char, 1000>> pool(
      {.upstream = &upstream, .clock = &clock, .background = false, .pass_through = true});
  pool.get().put();
  const auto before = upstream.snapshot();
  for (int i = 0; i < 100; ++i) pool.get().put();
  EXPECT_EQ(upstream.snapshot().allocations, before.allocations);
  clock.tick();
  clock.tick();
  EXPECT_LT(upstream.snapshot().live_bytes, before.live_bytes);
  const auto idle = upstream.snapshot().live_bytes;
  pool.get().put();
  pool.clear();
  EXPECT_EQ(upstream.snapshot().live_bytes, idle);
}

TEST(object_pool, says_where_objects_that_are_out_were_taken) {
  object_pool_options options = without_clock();
  options.record_sites = true;
  pooled<int> held, too, other;
  testing::internal::CaptureStderr();
  {
    object_pool<int> pool(options);
    pool.get().put();
    for (auto* each : {&held, &too}) *each = pool.get();
    other = pool.try_get();
    EXPECT_FALSE(other);
    other = pool.get_for(1s);
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("pool \"things\" of int ended with 3 objects out; taken at "));
  EXPECT_THAT(said, HasSubstr("object_pool_test.cpp:"));
  EXPECT_THAT(said, HasSubstr(" (2 times)"));
}

// The name of a type may be longer than the line.
TEST(object_pool, says_what_is_out_though_its_type_has_a_long_name) {
  using deep = std::array<std::array<std::array<std::array<std::vector<std::set<std::string>>, 2>, 3>, 4>, 5>;
  using long_name = std::pair<std::pair<deep, deep>, std::pair<deep, deep>>;
  object_pool_options options = without_clock();
  options.record_sites = true;
  pooled<long_name> out;
  testing::internal::CaptureStderr();
  {
    object_pool<long_name> pool(options);
    EXPECT_GT(pool.statistics().type.size(), 200u);
    out = pool.get();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr(" ended with 1 objects out; taken at "));
  EXPECT_LT(said.size(), 520u);
}

TEST(object_pool, knows_the_name_of_its_type) {
  EXPECT_THAT(object_pool<int[4]>(without_clock()).statistics().type, testing::AnyOf("int [4]", "int[4]"));
  EXPECT_EQ(object_pool<int>(without_clock()).statistics().type, "int");
}

// ---- ageing

object_pool_options with(ageing_clock& clock, object_ageing ageing = object_ageing::two_ticks) {
  return {.name = "ageing", .ageing = ageing, .clock = &clock, .background = false};
}

TEST(object_ageing, lets_an_idle_object_survive_one_tick_and_not_two) {
  for (const object_ageing ageing : {object_ageing::two_ticks, object_ageing::working_set}) {
    ageing_clock clock;
    object_pool<counted> pool(with(clock, ageing));
    pool.get().put();
    clock.tick();
    EXPECT_EQ(counted::there, 1);
    clock.tick();
    EXPECT_EQ(counted::there, 0);
    EXPECT_EQ(pool.statistics().aged, 1u);
  }
}

TEST(object_ageing, keeps_what_is_used_between_ticks) {
  for (const object_ageing ageing : {object_ageing::two_ticks, object_ageing::working_set}) {
    ageing_clock clock;
    object_pool<counted> pool(with(clock, ageing));
    for (int i = 0; i < 10; ++i) {
      pool.get().put();
      clock.tick();
    }
    EXPECT_EQ(pool.statistics().made, 1u);
  }
}

// The top of a magazine is used, what lies below is not.
TEST(object_ageing, lets_each_object_leave_by_itself) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock));
  pool.warm(5000);
  for (int i = 0; i < 2; ++i) {
    pool.get().put();
    clock.tick();
  }
  EXPECT_EQ(counted::there, 1);
  EXPECT_EQ(pool.statistics().total, 1u);
}

TEST(object_ageing, keeps_the_least_that_may_be_idle) {
  for (const object_ageing ageing : {object_ageing::two_ticks, object_ageing::working_set}) {
    ageing_clock clock;
    object_pool_options options = with(clock, ageing);
    options.min_idle = 70;
    object_pool<counted> pool(options);
    pool.warm(1000);
    for (int i = 0; i < 5; ++i) clock.tick();
    EXPECT_EQ(counted::there, 70);
    std::vector<object_pool<counted>::handle> held;
    for (int i = 0; i < 70; ++i) held.push_back(pool.get());
    EXPECT_EQ(counted::there, 70);
    held.clear();
    pool.clear();
    EXPECT_EQ(counted::there, 0);
  }
}

TEST(object_ageing, takes_objects_from_a_thread_that_sleeps) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock));
  std::latch put(1), end(1);
  std::thread sleeper([&] {
    pool.warm(100);
    put.count_down();
    end.wait();
  });
  put.wait();
  clock.tick();
  clock.tick();
  EXPECT_EQ(counted::there, 0);
  end.count_down();
  sleeper.join();
}

TEST(object_ageing, counts_hits_on_what_had_been_idle_for_a_tick) {
  ageing_clock clock;
  object_pool<counted> pool(with(clock));
  std::thread([&] { pool.get().put(); }).join();
  clock.tick();
  pool.get().put();
  EXPECT_EQ(pool.statistics().victim_hits, 1u);
  EXPECT_EQ(pool.statistics().made, 1u);
}

// ---- numbers

TEST(object_pool_statistics, count_what_was_made_and_not_what_could_not_be) {
  int until = 1;
  failing hooks{&until};
  hooks.in_make = true;
  object_pool<std::string, failing> pool(hooks, without_clock());
  EXPECT_THROW(static_cast<void>(pool.get()), std::runtime_error);
  EXPECT_EQ(pool.statistics().made, 0u);
  EXPECT_EQ(pool.statistics().misses, 0u);
  EXPECT_EQ(pool.statistics().failed, 1u);
  pool.get().put();
  EXPECT_EQ(pool.statistics().made, 1u);
  EXPECT_EQ(pool.statistics().misses, 1u);
}

TEST(object_pool_statistics, only_grow_while_another_thread_works) {
  object_pool_options options = without_clock();
  options.pass_through = true;
  object_pool<counted> pool(options);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) pool.get().put();
  });
  std::uint64_t before = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto numbers = pool.statistics();
    ASSERT_EQ(numbers.hits, 0u);
    ASSERT_GE(numbers.gets, before);
    before = numbers.gets;
  }
  stop = true;
  other.join();
}

TEST(object_pool_statistics, add_up) {
  object_pool<counted> pool(without_clock());
  auto out = pool.get();
  pool.warm(200);
  for (int i = 0; i < 50; ++i) static_cast<void>(pool.get());
  const auto numbers = pool.statistics();
  EXPECT_EQ(numbers.name, "things");
  EXPECT_THAT(numbers.type, HasSubstr("counted"));
  EXPECT_EQ(numbers.total, 201u);
  EXPECT_EQ(numbers.live, 1u);
  EXPECT_EQ(numbers.idle_threads + numbers.idle_depot, 200u);
  EXPECT_EQ(numbers.most, 201u);
  EXPECT_EQ(numbers.hits, 50u);
  EXPECT_EQ(numbers.misses, 1u);
  EXPECT_EQ(numbers.gets, 51u);
  EXPECT_EQ(numbers.made, 201u);
  EXPECT_EQ(numbers.dropped, 0u);
  EXPECT_GE(numbers.bytes_each, sizeof(counted) + 24);
  EXPECT_GT(numbers.taken, 201 * numbers.bytes_each);
}

TEST(object_pool_statistics, read_as_text_json_and_prometheus) {
  object_pool<int> pool({.name = "a \"pool\"", .clock = nullptr});
  pool.get().put();
  const auto numbers = pool.statistics();
  EXPECT_THAT(to_string(numbers), HasSubstr("pool \"a \"pool\"\" of int: total 1 live 0 idle_threads 1"));
  EXPECT_THAT(to_json(numbers), HasSubstr("{\"name\":\"a \\\"pool\\\"\",\"type\":\"int\",\"total\":1,\"live\":0,"));
  EXPECT_THAT(to_prometheus(numbers),
              HasSubstr("# TYPE cistern_object_pool_gets_total counter\n"
                        "cistern_object_pool_gets_total{pool=\"a \\\"pool\\\"\",type=\"int\"} 1\n"));
}

}  // namespace
