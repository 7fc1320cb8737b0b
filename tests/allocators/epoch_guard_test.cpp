// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_guard.hpp>

#include <csignal>
#include <memory>
#include <thread>
#include <utility>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>
#include <sys/time.h>

namespace {

using cistern::epoch_domain;
using cistern::epoch_guard;
using cistern::epoch_testing::by_hand;

TEST(epoch_guard, pins_while_it_lives_and_nests_in_any_order) {
  epoch_domain domain(by_hand());
  auto first = std::make_unique<epoch_guard>(domain);
  auto second = std::make_unique<epoch_guard>(domain);
  first.reset();
  EXPECT_TRUE(domain.slot().pinned());
  second.reset();
  EXPECT_FALSE(domain.slot().pinned());
}

TEST(epoch_guard, moves_and_leaves_nothing_behind) {
  epoch_domain domain(by_hand());
  {
    epoch_guard first(domain);
    epoch_guard second(std::move(first));
    epoch_guard third(domain);
    third = std::move(second);
    first.repin();  // NOLINT(bugprone-use-after-move): a guard that was moved from does nothing
    EXPECT_TRUE(domain.slot().pinned());
  }
  EXPECT_FALSE(domain.slot().pinned());
}

TEST(epoch_guard, repin_lets_the_epoch_move_on_unless_another_guard_is_alive) {
  epoch_domain domain(by_hand());
  epoch_guard guard(domain);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(domain.advance());
    guard.repin();
  }
  const epoch_guard other(domain);
  EXPECT_TRUE(domain.advance());
  guard.repin();
  EXPECT_FALSE(domain.advance());
}

TEST(epoch_guard, without_a_domain_pins_the_default_one) {
  const epoch_guard guard;
  EXPECT_TRUE(epoch_domain::default_domain().slot().pinned());
}

// Pitfall 23.
TEST(epoch_guard_death, ends_the_program_when_it_was_moved_to_another_thread) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        epoch_domain domain(by_hand());
        epoch_guard guard(domain);
        std::thread([moved = std::move(guard)] {}).join();
      },
      "cistern: an epoch_guard was moved to another thread");
}

TEST(epoch_guard_death, ends_the_program_when_more_are_alive_than_can_be_counted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        epoch_domain domain(by_hand());
        for (int i = 0; i < 65536; ++i) domain.lock();
      },
      "cistern: more than 65535 guards of one thread are alive in an epoch domain");
}

TEST(epoch_scope, pins_only_where_nothing_does_yet) {
  epoch_domain domain(by_hand());
  cistern::epoch_slot& slot = domain.slot();
  {
    const cistern::epoch_scope outer(slot);
    const cistern::epoch_scope inner(slot);
    EXPECT_TRUE(slot.pinned());
  }
  EXPECT_FALSE(slot.pinned());
  const epoch_guard guard(domain);
  { const cistern::epoch_scope within(slot); }
  EXPECT_TRUE(slot.pinned());
}

// Pitfall 21: a handler may come at any step of a pin.
epoch_domain* handled = nullptr;
volatile std::sig_atomic_t handler_runs = 0, handler_unpinned = 0;

void pin_in_a_handler(int /*signal*/) {
  const epoch_guard guard(*handled);
  handler_runs = handler_runs + 1;
  if (!handled->slot().pinned()) handler_unpinned = 1;
}

TEST(epoch_guard, may_be_used_by_a_signal_handler_at_any_moment) {
  epoch_domain domain(by_hand());
  static_cast<void>(domain.slot());
  handled = &domain;
  struct sigaction action {};
  action.sa_handler = pin_in_a_handler;
  action.sa_flags = static_cast<int>(SA_RESTART);
  sigaction(SIGALRM, &action, nullptr);
  const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 100}, .it_value = {.tv_sec = 0, .tv_usec = 100}};
  setitimer(ITIMER_REAL, &often, nullptr);
  bool always_pinned = true;
  while (handler_runs < 500) {
    const epoch_guard guard(domain);
    const epoch_guard nested(domain);
    always_pinned &= domain.slot().pinned();
  }
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  EXPECT_TRUE(always_pinned);
  EXPECT_EQ(handler_unpinned, 0);
  EXPECT_FALSE(domain.slot().pinned());
  EXPECT_TRUE(domain.advance());
  EXPECT_TRUE(domain.advance());
}

}  // namespace
