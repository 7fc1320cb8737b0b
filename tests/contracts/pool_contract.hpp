// SPDX-License-Identifier: MIT
#pragma once

// What every pool promises, of whatever things: a suite for the pools that are and those that follow.
//
//     struct my_subject {
//       using pool = my_pool;
//       using handle = my_pool::handle;                      // move-only; puts itself back
//       static std::unique_ptr<pool> make(std::pmr::memory_resource& upstream, ageing_clock& clock);
//       static handle get(pool& from);
//       static const void* thing(const handle& held);        // nullptr for none
//       static std::size_t live(pool& of);                   // things that are out
//     };
//     INSTANTIATE_TYPED_TEST_SUITE_P(my_pool, pool_contract, my_subject);

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/statistics_resource.hpp>

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <set>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cistern::contracts {

template <class Subject>
class pool_contract : public testing::Test {
 protected:
  std::vector<typename Subject::handle> hold(std::size_t count) {
    std::vector<typename Subject::handle> held;
    for (std::size_t i = 0; i < count; ++i) held.push_back(Subject::get(*subject));
    return held;
  }

  statistics_resource upstream{std::pmr::new_delete_resource()};
  ageing_clock clock;
  std::unique_ptr<typename Subject::pool> subject = Subject::make(upstream, clock);
};

TYPED_TEST_SUITE_P(pool_contract);

TYPED_TEST_P(pool_contract, hands_out_on_one_thread_what_was_put_last) {
  auto first = TypeParam::get(*this->subject), last = TypeParam::get(*this->subject);
  const void* const expected = TypeParam::thing(last);
  { auto gone = std::move(first); }
  { auto gone = std::move(last); }
  EXPECT_EQ(TypeParam::thing(TypeParam::get(*this->subject)), expected);
}

TYPED_TEST_P(pool_contract, has_nothing_out_twice) {
  for (int round = 0; round < 3; ++round) {
    const auto held = this->hold(3000);
    std::set<const void*> things;
    for (const auto& each : held) EXPECT_TRUE(things.insert(TypeParam::thing(each)).second);
    EXPECT_EQ(TypeParam::live(*this->subject), 3000u);
  }
  EXPECT_EQ(TypeParam::live(*this->subject), 0u);
}

TYPED_TEST_P(pool_contract, has_handles_that_move_and_hold_nothing_afterwards) {
  using handle = typename TypeParam::handle;
  static_assert(std::is_nothrow_move_constructible_v<handle> && std::is_nothrow_move_assignable_v<handle>);
  static_assert(!std::is_copy_constructible_v<handle> && std::is_nothrow_default_constructible_v<handle>);
  handle one = TypeParam::get(*this->subject);
  handle other = std::move(one);
  EXPECT_EQ(TypeParam::thing(one), nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_NE(TypeParam::thing(other), nullptr);
  other = handle();
  EXPECT_EQ(TypeParam::live(*this->subject), 0u);
}

TYPED_TEST_P(pool_contract, takes_back_on_other_threads) {
  for (int round = 0; round < 20; ++round) {
    auto held = this->hold(200);
    std::thread([gone = std::move(held)]() mutable { gone.clear(); }).join();
  }
  EXPECT_EQ(TypeParam::live(*this->subject), 0u);
}

TYPED_TEST_P(pool_contract, takes_no_more_memory_for_threads_that_come_and_go) {
  const auto live_bytes_after = [this](int threads) {
    for (int i = 0; i < threads; ++i) std::thread([this] { const auto held = this->hold(100); }).join();
    return this->upstream.snapshot().peak_bytes;
  };
  const std::size_t before = live_bytes_after(20);
  EXPECT_LE(live_bytes_after(200), before + before / 10);
}

TYPED_TEST_P(pool_contract, gives_memory_back_two_ticks_after_its_last_use) {
  { const auto held = this->hold(5000); }
  const std::size_t used = this->upstream.snapshot().live_bytes;
  this->clock.tick();
  this->clock.tick();
  this->clock.tick();  // for what had moved at the first
  EXPECT_LT(this->upstream.snapshot().live_bytes, used / 4 + (std::size_t{320} << 10));
  EXPECT_EQ(TypeParam::live(*this->subject), 0u);
}

TYPED_TEST_P(pool_contract, gives_all_back_as_it_ends_and_with_handles_that_outlive_it) {
  auto outlives = TypeParam::get(*this->subject);
  { const auto held = this->hold(500); }
  testing::internal::CaptureStderr();
  this->subject.reset();
  EXPECT_NE(testing::internal::GetCapturedStderr(), "");  // never in silence
  EXPECT_GT(this->upstream.snapshot().live_bytes, 0u);
  { auto gone = std::move(outlives); }
  EXPECT_EQ(this->upstream.snapshot().live_bytes, 0u);
}

REGISTER_TYPED_TEST_SUITE_P(pool_contract, hands_out_on_one_thread_what_was_put_last, has_nothing_out_twice,
                            has_handles_that_move_and_hold_nothing_afterwards, takes_back_on_other_threads,
                            takes_no_more_memory_for_threads_that_come_and_go,
                            gives_memory_back_two_ticks_after_its_last_use,
                            gives_all_back_as_it_ends_and_with_handles_that_outlive_it);

}  // namespace cistern::contracts
