// SPDX-License-Identifier: MIT
#include "pooled_things.hpp"
#include <cistern/pools/object_pool.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::object_pool;
using cistern::pool_tests::failing;
using cistern::pool_tests::without_clock;

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

}  // namespace
