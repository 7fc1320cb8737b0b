// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_hold.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>

namespace {

using cistern::epoch_domain;
using cistern::retire_list;
using cistern::epoch_testing::by_hand;

struct batches {
  std::atomic<std::size_t> objects = 0, calls = 0;
};

void count_batches(void* context, void** /*objects*/, std::size_t count) noexcept {
  auto& into = *static_cast<batches*>(context);
  into.objects += count;
  ++into.calls;
}

int object;

TEST(retire_list, frees_in_batches) {
  epoch_domain domain(by_hand());
  batches seen;
  {
    retire_list list(domain, 16, count_batches, &seen);
    for (int i = 0; i < 590; ++i) list.retire(&object);
    EXPECT_EQ(domain.statistics().pending_bytes, 590u * 16);
  }
  EXPECT_EQ(seen.objects, 590u);
  EXPECT_EQ(seen.calls, 10u);
}

TEST(retire_list, waits_for_its_objects_at_its_end_and_leaves_those_of_others) {
  epoch_domain domain(by_hand());
  batches first_seen, second_seen;
  retire_list second(domain, 16, count_batches, &second_seen);
  {
    retire_list first(domain, 16, count_batches, &first_seen);
    for (int i = 0; i < 100; ++i) first.retire(&object);
  }
  EXPECT_EQ(first_seen.objects, 100u);
  for (int i = 0; i < 100; ++i) second.retire(&object);
  domain.barrier();
  EXPECT_EQ(second_seen.objects, 100u);
}

TEST(retire_list, ends_while_threads_that_have_used_it_live_on) {
  epoch_domain domain(by_hand());
  std::atomic<int> round = 0, done = 0;
  batches seen;
  std::atomic<retire_list*> current = nullptr;
  std::vector<std::thread> threads;
  constexpr int users = 3, rounds = 20;
  for (int i = 0; i < users; ++i)
    threads.emplace_back([&] {
      for (int mine = 1; mine <= rounds; ++mine) {
        while (round < mine) std::this_thread::yield();
        for (int k = 0; k < 70; ++k) current.load()->retire(&object);
        ++done;
      }
    });
  for (int now = 1; now <= rounds; ++now) {
    retire_list list(domain, 16, count_batches, &seen);
    current = &list;
    round = now;
    while (done < now * users) std::this_thread::yield();
  }
  EXPECT_EQ(seen.objects, static_cast<std::size_t>(users * rounds * 70));
  for (std::thread& thread : threads) thread.join();
}

struct tree {
  retire_list* list;
  std::atomic<int>* freed;
  int depth;
};

void free_and_retire_children(void*, void** objects, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    auto* const node = static_cast<tree*>(objects[i]);
    ++*node->freed;
    for (int child = 0; node->depth > 0 && child < 2; ++child)
      node->list->retire(new tree{node->list, node->freed, node->depth - 1});
    delete node;
  }
}

TEST(retire_list, waits_at_its_end_for_what_its_own_deleters_retire) {
  for (const bool others_collect : {false, true}) {
    epoch_domain domain(by_hand());
    std::atomic<int> freed = 0;
    std::atomic<bool> stop = false;
    std::thread collecting([&] {
      while (others_collect && !stop) domain.collect();
    });
    {
      retire_list list(domain, sizeof(tree), free_and_retire_children);
      for (int i = 0; i < 100; ++i) list.retire(new tree{&list, &freed, 5});
    }
    stop = true;
    collecting.join();
    EXPECT_EQ(freed, 100 * 63);
    EXPECT_EQ(domain.statistics().pending_objects, 0u);
  }
}

TEST(retire_list, tells_two_lists_with_the_same_function_and_context_apart) {
  epoch_domain domain(by_hand());
  batches seen;
  retire_list stays(domain, 16, count_batches, &seen);
  for (int round = 0; round < 3; ++round) {
    retire_list goes(domain, 16, count_batches, &seen);
    stays.retire(&object);
    goes.retire(&object);
  }
  stays.retire(&object);
  domain.barrier();
  EXPECT_EQ(seen.objects, 7u);
}

TEST(retire_list_death, ends_the_program_when_it_ends_before_a_hold_on_its_object) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        epoch_domain domain(by_hand());
        batches seen;
        cistern::epoch_hold hold(domain);
        retire_list list(domain, 16, count_batches, &seen);
        {
          const cistern::epoch_guard guard(domain);
          hold.keep(guard, &object);
        }
        list.retire(&object);
      },
      "cistern: a retire_list is destroyed while an epoch_hold keeps one of its objects");
}

TEST(retire_list, needs_a_function) {
  epoch_domain domain(by_hand());
  EXPECT_THROW(retire_list(domain, 16, nullptr), std::invalid_argument);
}

TEST(retire_list, takes_what_threads_that_have_ended_retired) {
  epoch_domain domain(by_hand());
  batches seen;
  retire_list list(domain, 16, count_batches, &seen);
  for (int i = 0; i < 10; ++i)
    std::thread([&list] {
      for (int k = 0; k < 7; ++k) list.retire(&object);
    }).join();
  domain.barrier();
  EXPECT_EQ(seen.objects, 70u);
}

}  // namespace
