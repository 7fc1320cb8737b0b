// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_hold.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <atomic>
#include <optional>
#include <thread>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>

namespace {

using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::epoch_hold;
using cistern::epoch_testing::by_hand;
using cistern::epoch_testing::node;

// Holds what `keep` says and retires all of them; how many are left after the readers have gone.
template <class Retire>
int left_while_held(epoch_domain& domain, Retire retire) {
  node::live = 0;
  epoch_hold hold(domain);
  node* nodes[10];
  for (node*& each : nodes) each = new node;
  {
    const epoch_guard guard(domain);
    hold.keep(guard, nodes[7]);
  }
  for (node* each : nodes) retire(each);
  domain.barrier();
  const int left = node::live;
  hold.release();
  domain.barrier();
  EXPECT_EQ(node::live, 0);
  return left;
}

TEST(epoch_hold, keeps_one_object_and_lets_the_others_go) {
  epoch_domain domain(by_hand());
  EXPECT_EQ(left_while_held(domain, [&](node* each) { domain.retire(each); }), 1);
}

TEST(epoch_hold, keeps_an_object_whose_deleter_has_state) {
  epoch_domain domain(by_hand());
  int deleted = 0;
  EXPECT_EQ(left_while_held(domain,
                            [&](node* each) {
                              domain.retire(each, [&deleted](node* dead) {
                                ++deleted;
                                delete dead;
                              });
                            }),
            1);
  EXPECT_EQ(deleted, 10);
}

TEST(epoch_hold, keeps_an_object_of_a_typed_bag) {
  epoch_domain domain(by_hand());
  cistern::retire_list list(domain, sizeof(node), [](void*, void** objects, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) delete static_cast<node*>(objects[i]);
  });
  EXPECT_EQ(left_while_held(domain, [&](node* each) { list.retire(each); }), 1);
}

TEST(epoch_hold, may_end_on_another_thread_and_gives_its_place_to_the_next) {
  epoch_domain domain(by_hand());
  node::live = 0;
  std::optional<epoch_hold> hold(std::in_place, domain);
  auto* const kept = new node;
  {
    const epoch_guard guard(domain);
    hold->keep(guard, kept);
  }
  domain.retire(kept);
  std::thread([&hold] { hold.reset(); }).join();
  const epoch_hold next(domain);
  domain.barrier();
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_hold, that_holds_nothing_keeps_nothing) {
  epoch_domain domain(by_hand());
  const epoch_hold idle(domain);
  int deleted = 0;
  domain.retire(nullptr, cistern::epoch_testing::count_deletions, &deleted, 8);
  domain.barrier();
  EXPECT_EQ(deleted, 1);
}

TEST(epoch_hold, moves) {
  epoch_domain domain(by_hand());
  node::live = 0;
  auto* const kept = new node;
  epoch_hold last(domain);
  {
    epoch_hold first(domain);
    const epoch_guard guard(domain);
    first.keep(guard, kept);
    last = std::move(first);
  }
  domain.retire(kept);
  domain.barrier();
  EXPECT_EQ(node::live, 1);
  last.release();
  domain.barrier();
  EXPECT_EQ(node::live, 0);
}

TEST(epoch_hold_death, ends_the_program_when_the_guard_is_of_another_domain) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  epoch_domain domain(by_hand()), other(by_hand());
  EXPECT_DEATH(
      {
        epoch_hold hold(domain);
        const epoch_guard guard(other);
        hold.keep(guard, &domain);
      },
      "cistern: epoch_hold::keep\\(\\) needs a hold and a guard of the same domain");
}

TEST(epoch_hold, outliving_its_domain_is_reported_and_harmless) {
  testing::internal::CaptureStderr();
  cistern::epoch_options options = by_hand();
  options.close_limit = std::chrono::milliseconds(10);
  std::optional<epoch_domain> domain(std::in_place, options);
  {
    const epoch_hold hold(*domain);
    domain.reset();
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("an epoch_hold of it is alive"), std::string::npos);
}

TEST(epoch_hold, lets_the_epoch_advance_across_a_blocking_call) {
  epoch_domain domain(by_hand());
  epoch_hold hold(domain);
  {
    const epoch_guard guard(domain);
    hold.keep(guard, &domain);
  }
  EXPECT_TRUE(domain.advance());
  EXPECT_TRUE(domain.advance());
}

}  // namespace
