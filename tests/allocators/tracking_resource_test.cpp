// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/allocators/tracking_resource.hpp>
#include <contracts/every_allocation.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::tracking_options;
using cistern::tracking_report;
using cistern::tracking_resource;
using testing::HasSubstr;

const cistern::contracts::memory_resource_contract contract{{
    .name = "tracking_resource",
    .make = [] { return std::make_unique<tracking_resource>(&cistern::backend("system")); },
    .fork_safe = false,  // another thread may hold its lock when the process forks
}};

/// Keeps what a tracking resource complains of.
struct complaints {
  std::string misuse;
  std::vector<tracking_report> leaks;

  tracking_options options() {
    return {.name = "under test",
            .on_leak = [this](const tracking_report& report) { leaks.push_back(report); },
            .on_misuse = [this](std::string_view line) { misuse += line; }};
  }
};

TEST(tracking_resource, knows_who_holds_what) {
  tracking_resource tracking;
  const auto line = cistern::source_site::current().line;
  std::pmr::memory_resource* const here = tracking.at();
  void* const block = here->allocate(100, 32);
  const auto blocks = tracking.blocks();
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].address, block);
  EXPECT_EQ(blocks[0].bytes, 100u);
  EXPECT_EQ(blocks[0].alignment, 32u);
  EXPECT_EQ(blocks[0].thread, std::this_thread::get_id());
  EXPECT_EQ(blocks[0].site.line, line + 1);
  EXPECT_THAT(blocks[0].site.file, HasSubstr("tracking_resource_test.cpp"));
  EXPECT_STREQ(blocks[0].site.function, "TestBody");
  here->deallocate(block, 100, 32);
  EXPECT_TRUE(tracking.blocks().empty());
}

TEST(tracking_resource, groups_by_site_with_most_bytes_first) {
  tracking_resource tracking(std::pmr::get_default_resource(), {.name = "cache"});
  std::pmr::vector<char> small(10, 'x', tracking.at());
  std::vector<std::pmr::vector<char>> large;
  for (int i = 0; i < 2; ++i) large.emplace_back(1000, 'x', tracking.at());
  void* const nowhere = tracking.allocate(1);
  std::pmr::memory_resource* const shared = tracking.at();
  void* const mine = shared->allocate(2);
  void* theirs = nullptr;
  std::thread([&] { theirs = shared->allocate(3); }).join();

  const tracking_report report = tracking.report();
  EXPECT_EQ(report.blocks, 6u);
  EXPECT_EQ(report.bytes, 2016u);
  ASSERT_EQ(report.sites.size(), 4u);
  EXPECT_EQ(report.sites[0].bytes, 2000u);
  EXPECT_EQ(report.sites[0].blocks, 2u);
  EXPECT_EQ(report.sites[1].bytes, 10u);
  EXPECT_EQ(report.sites[2].threads, 2u);
  EXPECT_EQ(report.sites[3].site.line, 0u);

  const std::string text = to_string(report);
  EXPECT_THAT(text, HasSubstr("tracking_resource \"cache\" holds 2016 bytes in 6 blocks\n"));
  EXPECT_THAT(text, HasSubstr("  2000 bytes in 2 blocks, "));
  EXPECT_THAT(text, HasSubstr("tracking_resource_test.cpp:" + std::to_string(report.sites[0].site.line) + " in "));
  EXPECT_THAT(text, HasSubstr("  5 bytes in 2 blocks, 2 threads, "));
  EXPECT_THAT(text, HasSubstr("  1 byte in 1 block, allocated without at()\n"));
  tracking.deallocate(nowhere, 1);
  shared->deallocate(mine, 2);
  shared->deallocate(theirs, 3);
}

TEST(tracking_resource, gives_the_same_site_the_same_resource) {
  tracking_resource tracking;
  std::vector<std::pmr::memory_resource*> same;
  for (int i = 0; i < 2; ++i) same.push_back(tracking.at());
  EXPECT_EQ(same[0], same[1]);
  EXPECT_NE(same[0], tracking.at());
}

TEST(tracking_resource, is_equal_to_its_sites_and_nothing_else) {
  tracking_resource one, other;
  EXPECT_TRUE(one.is_equal(*one.at()));
  EXPECT_TRUE(one.at()->is_equal(one));
  EXPECT_TRUE(one.at()->is_equal(*one.at()));
  EXPECT_FALSE(one.is_equal(other));
  EXPECT_FALSE(one.at()->is_equal(*other.at()));
  EXPECT_FALSE(one.is_equal(*one.upstream_resource()));
  std::pmr::vector<int> from(100, 7, one.at());
  const std::pmr::vector<int> to(std::move(from), one.at());  // equal: the block moves, its site stays
  EXPECT_EQ(one.report().blocks, 1u);
}

TEST(tracking_resource, reports_leaks_at_its_end) {
  complaints seen;
  std::pmr::monotonic_buffer_resource upstream;
  {
    tracking_resource tracking(&upstream, seen.options());
    (void)tracking.at()->allocate(24);
  }
  ASSERT_EQ(seen.leaks.size(), 1u);
  EXPECT_EQ(seen.leaks[0].name, "under test");
  EXPECT_EQ(seen.leaks[0].bytes, 24u);
  EXPECT_THAT(seen.leaks[0].sites[0].site.file, HasSubstr("tracking_resource_test.cpp"));
}

TEST(tracking_resource, is_silent_when_nothing_leaked) {
  complaints seen;
  testing::internal::CaptureStderr();
  {
    tracking_resource tracking(std::pmr::get_default_resource(), seen.options()), with_defaults;
    tracking.deallocate(tracking.allocate(24), 24);
    with_defaults.deallocate(with_defaults.allocate(24), 24);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(seen.leaks.empty());
}

TEST(tracking_resource, reports_leaks_on_stderr_unless_told) {
  std::pmr::monotonic_buffer_resource upstream;
  testing::internal::CaptureStderr();
  {
    tracking_resource tracking(&upstream, {.name = "parser"});
    (void)tracking.allocate(24);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "cistern: leak: tracking_resource \"parser\" holds 24 bytes in 1 block\n"
            "  24 bytes in 1 block, allocated without at()\n");
}

TEST(tracking_resource, is_not_silenced_by_a_callback_that_throws) {
  std::pmr::monotonic_buffer_resource upstream;
  testing::internal::CaptureStderr();
  {
    tracking_resource tracking(&upstream, {.on_leak = [](const tracking_report&) { throw std::bad_alloc(); }});
    (void)tracking.allocate(24);
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("holds 1 blocks"));
}

TEST(tracking_resource, finds_a_block_freed_twice) {
  complaints seen;
  cistern::statistics_resource upstream;
  tracking_resource tracking(&upstream, seen.options());
  void* const block = tracking.at()->allocate(24);
  tracking.deallocate(block, 24);
  EXPECT_EQ(seen.misuse, "");
  tracking.deallocate(block, 24);
  EXPECT_THAT(seen.misuse, testing::MatchesRegex("cistern: tracking_resource \"under test\": freed twice: 0x[0-9a-f]+, "
                                                 "allocated with 24 bytes aligned to .* at .*_test.cpp:[0-9]+"));
  EXPECT_EQ(upstream.snapshot().deallocations, 1u) << "the second one must not reach the upstream";
}

TEST(tracking_resource, finds_a_foreign_pointer) {
  complaints seen;
  cistern::statistics_resource upstream;
  tracking_resource tracking(&upstream, seen.options());
  int local = 0;
  tracking.deallocate(&local, sizeof local);
  EXPECT_THAT(seen.misuse, HasSubstr("freed, but never allocated here"));
  EXPECT_EQ(upstream.snapshot().deallocations, 0u);
}

TEST(tracking_resource, finds_a_block_inside_of_another) {
  complaints seen;
  tracking_resource tracking(std::pmr::get_default_resource(), seen.options());
  auto* const block = static_cast<char*>(tracking.allocate(24));
  tracking.deallocate(block + 8, 16);
  EXPECT_THAT(seen.misuse, HasSubstr("never allocated here"));
  tracking.deallocate(block, 24);
}

TEST(tracking_resource, finds_another_size_or_alignment_and_frees_with_the_right_one) {
  complaints seen;
  cistern::statistics_resource upstream;
  tracking_resource tracking(&upstream, seen.options());
  tracking.deallocate(tracking.allocate(24, 8), 32, 8);
  EXPECT_THAT(std::exchange(seen.misuse, ""), HasSubstr("freed with another size"));
  tracking.deallocate(tracking.allocate(24, 8), 24, 4);
  EXPECT_THAT(seen.misuse, HasSubstr("freed with another alignment"));
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

class same_block_again final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t, std::size_t) override { return this; }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(tracking_resource, finds_an_upstream_that_gives_a_live_block_again) {
  complaints seen;
  same_block_again upstream;
  tracking_resource tracking(&upstream, seen.options());
  void* const block = tracking.allocate(8);
  EXPECT_EQ(seen.misuse, "");
  (void)tracking.allocate(8);
  EXPECT_THAT(seen.misuse, HasSubstr("gave out a block that is live"));
  tracking.deallocate(block, 8);
}

TEST(tracking_resource, ends_the_program_on_misuse_unless_told) {
  EXPECT_DEATH(
      {
        tracking_resource tracking(std::pmr::get_default_resource(), {.name = "parser"});
        void* const block = tracking.allocate(24);
        tracking.deallocate(block, 24);
        tracking.deallocate(block, 24);
      },
      "cistern: tracking_resource \"parser\": freed twice: 0x[0-9a-f]+, allocated with 24 bytes");
}

TEST(tracking_resource, cuts_a_line_that_is_too_long) {
  complaints seen;
  tracking_options options = seen.options();
  options.name = std::string(2000, 'n');
  tracking_resource tracking(std::pmr::get_default_resource(), options);
  tracking.deallocate(tracking.at()->allocate(24), 25);
  EXPECT_EQ(seen.misuse.size(), 511u);
}

TEST(tracking_resource, gives_the_block_back_when_there_is_no_memory_for_its_record) {
  cistern::statistics_resource upstream;
  cistern::fail_nth_resource records;
  tracking_resource tracking(&upstream, {.bookkeeping = &records});
  records.fail_next(1, cistern::failure_mode::persistent);
  EXPECT_THROW((void)tracking.allocate(100), std::bad_alloc);
  EXPECT_THROW((void)tracking.at(), std::bad_alloc);
  EXPECT_EQ(upstream.snapshot().allocations, 1u);
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
  records.fail_next(0);
  tracking.deallocate(tracking.allocate(100), 100);
}

TEST(tracking_resource, loses_nothing_when_an_allocation_fails) {
  cistern::contracts::every_allocation("tracking_resource", [](std::pmr::memory_resource& memory) {
    tracking_resource tracking(
        &memory,
        {.on_leak = [](const tracking_report& leaks) { ADD_FAILURE() << to_string(leaks); }, .bookkeeping = &memory});
    std::pmr::vector<std::pmr::string> names(tracking.at());
    for (int i = 0; i < 30; ++i) names.emplace_back(std::string(40, 'x'));
  });
}

TEST(tracking_resource, allocates_nothing_to_take_a_block_back) {
  cistern::fail_nth_resource records;
  tracking_resource tracking(std::pmr::get_default_resource(), {.bookkeeping = &records});
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(tracking.allocate(8));
  const auto before = records.allocations();
  for (void* const block : blocks) tracking.deallocate(block, 8);
  EXPECT_EQ(records.allocations(), before);
}

TEST(tracking_resource, lets_a_callback_ask_for_a_report) {
  tracking_resource* self = nullptr;
  std::size_t live = 0;
  tracking_resource tracking(std::pmr::get_default_resource(),
                             {.on_misuse = [&](std::string_view) { live = self->report().blocks; }});
  self = &tracking;
  void* const block = tracking.allocate(8);
  int local = 0;
  tracking.deallocate(&local, sizeof local);
  EXPECT_EQ(live, 1u);
  tracking.deallocate(block, 8);
}

}  // namespace
