// SPDX-License-Identifier: MIT
#include <cistern/allocators/thread_registry.hpp>

#include <atomic>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::thread_registry;

static_assert(sizeof(cistern::thread_words) <= 64 && std::is_trivially_destructible_v<cistern::thread_words>);

void ignore(void*, void*) noexcept {}

TEST(thread_registry, finds_what_each_thread_attached) {
  int self = 0, mine = 0, others = 0;
  const auto id = thread_registry::enter(&self, ignore);
  EXPECT_EQ(thread_registry::find(id), nullptr);
  EXPECT_TRUE(thread_registry::attach(id, &mine));
  std::thread([&] {
    EXPECT_EQ(thread_registry::find(id), nullptr);
    EXPECT_TRUE(thread_registry::attach(id, &others));
    EXPECT_EQ(thread_registry::find(id), &others);
  }).join();
  EXPECT_EQ(thread_registry::find(id), &mine);
  thread_registry::leave(id);
}

TEST(thread_registry, does_not_find_what_was_kept_for_an_instance_that_left) {
  int first = 0, second = 0, value = 0;
  const auto old = thread_registry::enter(&first, ignore);
  ASSERT_TRUE(thread_registry::attach(old, &value));
  thread_registry::leave(old);
  const auto fresh = thread_registry::enter(&second, ignore);
  EXPECT_EQ(fresh.index, old.index);
  EXPECT_NE(fresh.generation, old.generation);
  EXPECT_EQ(thread_registry::find(fresh), nullptr);
  thread_registry::leave(fresh);
}

struct told {
  std::atomic<int> times = 0;
  std::atomic<void*> value = nullptr;
};

void tell(void* self, void* value) noexcept {
  ++static_cast<told*>(self)->times;
  static_cast<told*>(self)->value = value;
}

TEST(thread_registry, tells_an_instance_of_threads_that_end_and_of_no_others) {
  told instance;
  int value = 0;
  const auto id = thread_registry::enter(&instance, tell);
  std::thread([] {}).join();
  EXPECT_EQ(instance.times, 0);
  std::thread([&] { EXPECT_TRUE(thread_registry::attach(id, &value)); }).join();
  EXPECT_EQ(instance.times, 1);
  EXPECT_EQ(instance.value, &value);
  thread_registry::leave(id);
}

TEST(thread_registry, tells_users_before_what_they_use_whatever_their_ids) {
  static std::vector<void*> order;
  order.clear();
  int early = 0, used = 0, user = 0;
  const auto note = [](void* self, void*) noexcept { order.push_back(self); };
  const auto low = thread_registry::enter(&early, note);
  const auto domain = thread_registry::enter(&used, note, thread_registry::exit_order::used);
  thread_registry::leave(low);
  const auto pool = thread_registry::enter(&user, note);
  EXPECT_LT(pool.index, domain.index);
  for (const bool pool_first : {true, false}) {
    order.clear();
    std::thread([&] {
      thread_registry::attach(pool_first ? pool : domain, &order);
      thread_registry::attach(pool_first ? domain : pool, &order);
    }).join();
    EXPECT_EQ(order, (std::vector<void*>{&user, &used}));
  }
  thread_registry::leave(pool);
  thread_registry::leave(domain);
}

// A pool that flushes its cache as a thread ends retires through a list and a domain.
TEST(thread_registry, lets_a_user_attach_again_as_it_is_told) {
  static thread_registry::instance used_id;
  static int attached_again = 0;
  attached_again = 0;
  told used;
  used_id = thread_registry::enter(&used, tell, thread_registry::exit_order::used);
  int user = 0;
  const auto id = thread_registry::enter(&user, [](void*, void* value) noexcept {
    if (thread_registry::attach(used_id, value)) ++attached_again;
  });
  std::thread([&] { thread_registry::attach(id, &user); }).join();
  EXPECT_EQ(attached_again, 1);
  EXPECT_EQ(used.times, 1);
  thread_registry::leave(id);
  thread_registry::leave(used_id);
}

TEST(thread_registry, tells_nobody_who_has_left) {
  for (int round = 0; round < 500; ++round) {
    auto* const instance = new told;
    const auto id = thread_registry::enter(instance, tell);
    std::atomic<bool> attached = false;
    std::thread ending([&] {
      thread_registry::attach(id, instance);
      attached = true;
    });
    while (!attached) std::this_thread::yield();
    thread_registry::leave(id);
    delete instance;  // AddressSanitizer watches it
    ending.join();
  }
}

TEST(thread_registry, has_room_for_many_instances) {
  std::vector<thread_registry::instance> ids;
  std::vector<int> values(500);
  for (int& value : values) {
    ids.push_back(thread_registry::enter(&value, ignore));
    ASSERT_TRUE(thread_registry::attach(ids.back(), &value));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(thread_registry::find(ids[i]), &values[i]);
  for (const auto& id : ids) thread_registry::leave(id);
}

}  // namespace
