// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_hold.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <iostream>
#include <new>

#include <failures/failing_new.hpp>
#include <gtest/gtest.h>
#include <pthread.h>

namespace {

using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::failures::every_new;
using cistern::failures::spared;

int live = 0;

struct item {
  item() { ++live; }
  ~item() { --live; }
  item(const item&) = delete;
  item& operator=(const item&) = delete;
};

item* make() {
  const spared mine;
  return new item;
}

void delete_items(void*, void** objects, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) delete static_cast<item*>(objects[i]);
}

// What could not be retired is still the caller's.
template <class Retire>
void give(Retire retire) {
  item* const one = make();
  try {
    retire(one);
  } catch (const std::bad_alloc&) {
    delete one;
  }
}

void use(epoch_domain& domain) {
  cistern::retire_list list(domain, sizeof(item), delete_items);
  for (int i = 0; i < 70; ++i) {
    give([&](item* one) { domain.retire(one); });
    give([&](item* one) { list.retire(one); });
    if (i % 10 == 0) give([&](item* one) { domain.retire(one, [i](item* dead) { i >= 0 ? delete dead : void(); }); });
    if (i % 30 == 0) domain.collect();
  }
  const epoch_guard guard(domain);
  for (int i = 0; i < 30; ++i) {
    give([&](item* one) { domain.retire(one); });
    give([&](item* one) { list.retire(one); });
  }
}

TEST(epoch_failures, lose_no_retired_object) {
  const auto points = every_new([] {
    {
      epoch_domain domain({.clock = nullptr, .background = false});
      try {
        use(domain);
      } catch (const std::bad_alloc&) {  // no slot, no list, no guard: but the domain goes on
      }
      domain.barrier();
    }
    EXPECT_EQ(live, 0);
  });
  std::cout << "every_new: epoch_domain: " << points << " failures, none skipped\n";
  EXPECT_GT(points, 20u);
}

TEST(epoch_failures, leave_a_hold_unmade_or_whole) {
  const auto points = every_new([] {
    epoch_domain domain({.clock = nullptr, .background = false});
    cistern::epoch_hold first(domain), second(domain);
    const epoch_guard guard(domain);
    first.keep(guard, &domain);
  });
  EXPECT_GT(points, 3u);
}

// A thread that finds no memory for its place in the registry must not be told to have ended, nor leave a slot behind.
TEST(epoch_failures, leave_no_slot_to_a_thread_that_could_not_enter) {
  const auto points = every_new([] {
    epoch_domain domain({.clock = nullptr, .background = false});
    pthread_t thread{};
    const auto body = [](void* used) -> void* {
      auto& on = *static_cast<epoch_domain*>(used);
      give([&](item* one) { on.retire(one); });
      return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, nullptr, body, &domain), 0);
    pthread_join(thread, nullptr);
    EXPECT_EQ(domain.statistics().threads, 0u);
    domain.barrier();
    EXPECT_EQ(live, 0);
  });
  EXPECT_GT(points, 3u);
}

}  // namespace
