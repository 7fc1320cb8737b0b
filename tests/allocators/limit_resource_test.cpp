// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/limit_resource.hpp>
#include <contracts/every_allocation.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::limit_resource;
using cistern::memory_budget;

const cistern::contracts::memory_resource_contract contract{{
    .name = "limit_resource",
    .make =
        [] {
          static memory_budget budget;
          return std::make_unique<limit_resource>(budget, &cistern::backend("system"));
        },
}};

TEST(limit_resource, refuses_what_the_budget_does_not_cover) {
  memory_budget budget(1000);
  limit_resource limited(budget);
  void* const block = limited.allocate(600);
  EXPECT_THROW((void)limited.allocate(401), std::bad_alloc);
  EXPECT_EQ(budget.used(), 600u);
  EXPECT_EQ(budget.refusals(), 1u);
  limited.deallocate(block, 600);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(limit_resource, shares_its_budget_with_others) {
  memory_budget budget(1000);
  limit_resource one(budget), other(budget);
  void* const block = one.allocate(900);
  EXPECT_THROW((void)other.allocate(200), std::bad_alloc);
  one.deallocate(block, 900);
  other.deallocate(other.allocate(200), 200);
}

TEST(limit_resource, returns_the_reservation_when_the_upstream_fails) {
  memory_budget budget(1000);
  limit_resource limited(budget, std::pmr::null_memory_resource());
  EXPECT_THROW((void)limited.allocate(100), std::bad_alloc);
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_EQ(budget.refusals(), 0u);
}

TEST(limit_resource, asks_the_upstream_for_nothing_that_it_refuses) {
  memory_budget budget(10);
  cistern::fail_nth_resource counted;
  limit_resource limited(budget, &counted);
  EXPECT_THROW((void)limited.allocate(11), std::bad_alloc);
  EXPECT_EQ(counted.allocations(), 0u);
}

TEST(limit_resource, follows_a_limit_that_changes) {
  memory_budget budget(0);
  limit_resource limited(budget);
  EXPECT_THROW((void)limited.allocate(1), std::bad_alloc);
  budget.set_limit(10);
  limited.deallocate(limited.allocate(10), 10);
}

TEST(limit_resource, is_equal_when_budget_and_upstream_are) {
  memory_budget budget, another;
  limit_resource one(budget), same(budget), other_budget(another);
  limit_resource other_upstream(budget, std::pmr::null_memory_resource());
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other_budget);
  EXPECT_NE(one, other_upstream);
  EXPECT_NE(one, *one.upstream_resource());
  same.deallocate(one.allocate(100), 100);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(limit_resource, loses_nothing_when_an_allocation_fails) {
  cistern::contracts::every_allocation("limit_resource", [](std::pmr::memory_resource& memory) {
    memory_budget budget(100'000);
    struct budget_is_back {
      memory_budget& spent;
      ~budget_is_back() { EXPECT_EQ(spent.used(), 0u); }
    } const at_the_end{budget};
    limit_resource limited(budget, &memory);
    std::pmr::vector<std::pmr::string> names(&limited);
    for (int i = 0; i < 30; ++i) names.emplace_back(std::string(40, 'x'));
  });
}

}  // namespace
