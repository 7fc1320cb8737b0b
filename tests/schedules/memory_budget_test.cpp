// SPDX-License-Identifier: MIT
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/limit_resource.hpp>
#include <cistern/allocators/memory_budget.hpp>
#include <schedules/scheduler.hpp>

#include <algorithm>
#include <memory_resource>
#include <new>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

// Three fibres want 40 of 100 bytes, twice each: two may have them at once, never three.
template <class Budget>
void fibres_share(scheduler& s) {
  Budget budget(100);
  std::size_t held = 0, most = 0;
  unsigned refused = 0;
  for (int i = 0; i < 3; ++i)
    s.spawn([&] {
      for (int turn = 0; turn < 2; ++turn) {
        if (!budget.try_reserve(40)) {
          ++refused;
          continue;
        }
        held += 40;
        most = std::max(most, held);
        s.require(held <= 100, "more was reserved than the limit");
        s.yield();
        held -= 40;
        budget.release(40);
      }
    });
  s.run();
  s.require(budget.used() == 0, "a reservation was lost");
  s.require(budget.refusals() == refused, "refusals were miscounted");
  s.require(budget.high_water() >= most && budget.high_water() <= 100, "the high water is wrong");
}

// As the one above, with the two mistakes that come to mind.
class checks_then_adds {
 public:
  explicit checks_then_adds(std::size_t limit) : limit_(limit) {}
  bool try_reserve(std::size_t bytes) {
    if (used_.load() + bytes > limit_) return refuse();
    used_.fetch_add(bytes);
    return true;
  }
  void release(std::size_t bytes) { used_.fetch_sub(bytes); }
  std::size_t used() const { return used_.load(); }
  std::size_t high_water() const { return limit_; }
  std::uint64_t refusals() const { return refusals_; }

 private:
  bool refuse() {
    ++refusals_;
    return false;
  }
  std::size_t limit_;
  std::uint64_t refusals_ = 0;
  sync::atomic<std::size_t> used_{0};
};

class adds_then_checks {
 public:
  explicit adds_then_checks(std::size_t limit) : limit_(limit) {}
  bool try_reserve(std::size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= limit_) return true;
    used_.fetch_sub(bytes);
    ++refusals_;
    return false;
  }
  void release(std::size_t bytes) { used_.fetch_sub(bytes); }
  std::size_t used() const { return used_.load(); }
  std::size_t high_water() const { return limit_; }
  std::uint64_t refusals() const { return refusals_; }

 private:
  std::size_t limit_;
  std::uint64_t refusals_ = 0;
  sync::atomic<std::size_t> used_{0};
};

TEST(memory_budget_schedules, is_never_exceeded_and_loses_nothing) {
  EXPECT_TRUE(explore({}, fibres_share<memory_budget>));
}

TEST(memory_budget_schedules, find_the_mutant_that_checks_before_it_adds) {
  const exploration found = explore({}, fibres_share<checks_then_adds>);
  EXPECT_EQ(found.failure, "more was reserved than the limit");
  const exploration again = replay(found.seed, {}, fibres_share<checks_then_adds>);
  EXPECT_EQ(again.failure, found.failure);
  EXPECT_EQ(again.trace, found.trace);
}

// One that wants too much must not make the budget refuse another for a moment.
template <class Budget>
void one_wants_too_much(scheduler& s) {
  Budget budget(100);
  s.spawn([&] { s.require(!budget.try_reserve(101), "granted more than the limit"); });
  s.spawn([&] { s.require(budget.try_reserve(100), "refused what was left"); });
  s.run();
}

TEST(memory_budget_schedules, never_refuses_what_is_left) {
  EXPECT_TRUE(explore({}, one_wants_too_much<memory_budget>));
}

TEST(memory_budget_schedules, find_the_mutant_that_adds_before_it_checks) {
  EXPECT_EQ(explore({}, one_wants_too_much<adds_then_checks>).failure, "refused what was left");
}

TEST(memory_budget_schedules, holds_the_limit_that_is_in_force) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    memory_budget budget(50);
    bool raised = false;
    s.spawn([&] {
      raised = true;
      budget.set_limit(100);
    });
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        if (budget.try_reserve(50)) s.require(budget.used() <= 50 || raised, "above a limit that never was");
      });
    s.run();
    s.require(budget.used() == 50 || budget.used() == 100, "the sum is wrong");
    s.require(budget.used() + 50 * budget.refusals() == 100, "neither granted nor refused");
  }));
}

TEST(limit_resource_schedules, returns_the_reservation_when_the_upstream_fails) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    memory_budget budget(100);
    fail_nth_resource failing(2, failure_mode::transient, std::pmr::new_delete_resource());
    limit_resource limited(budget, &failing);
    int caught = 0;
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 2; ++turn) try {
            limited.deallocate(limited.allocate(50), 50);
          } catch (const std::bad_alloc&) {
            ++caught;
          }
      });
    s.run();
    s.require(budget.used() == 0, "a reservation was lost");
    s.require(caught == 1 && failing.failures() == 1 && failing.allocations() == 4, "not exactly one failed");
  }));
}

}  // namespace
}  // namespace cistern::schedules
