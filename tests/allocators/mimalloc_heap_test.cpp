// SPDX-License-Identifier: MIT
#include <cistern/allocators/mimalloc_backend.hpp>
#include <cistern/allocators/mimalloc_heap.hpp>

#if CISTERN_WITH_MIMALLOC
#include <contracts/memory_resource_contract.hpp>

#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::mimalloc_heap;

const cistern::contracts::memory_resource_contract contract{{
    .name = "mimalloc_heap",
    .make = [] { return std::make_unique<mimalloc_heap>(); },
    .thread_safe = false,  // by its rule, which is tested below
}};

std::size_t live(const mimalloc_heap& heap) { return heap.statistics().live_bytes.value(); }

std::vector<void*> fill(std::pmr::memory_resource& resource, std::size_t count, std::size_t bytes) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(resource.allocate(bytes, 8));
    std::memset(blocks.back(), 1, bytes);
  }
  return blocks;
}

TEST(mimalloc_heap, counts_its_own_blocks_and_no_others) {
  mimalloc_heap heap, other;
  fill(other, 100, 1024);
  void* const elsewhere = cistern::mimalloc_backend::allocate(5000, 8);
  EXPECT_EQ(live(heap), 0u);
  const std::vector<void*> blocks = fill(heap, 1000, 1024);
  EXPECT_EQ(live(heap), 1000u * 1024u);
  EXPECT_GE(heap.statistics().mapped_bytes.value(), 1000u * 1024u);
  for (void* block : blocks) heap.deallocate(block, 1024, 8);
  EXPECT_EQ(live(heap), 0u);
  cistern::mimalloc_backend::deallocate(elsewhere, 5000, 8);
}

TEST(mimalloc_heap, takes_blocks_back_from_any_thread) {
  mimalloc_heap heap;
  const std::vector<void*> blocks = fill(heap, 1000, 100);
  std::thread([&] {
    for (void* block : blocks) {
      EXPECT_GE(heap.usable_size(block), 100u);
      heap.deallocate(block, 100, 8);
    }
  }).join();
  EXPECT_EQ(live(heap), 0u);
}

TEST(mimalloc_heap, frees_everything_when_reset_and_goes_on) {
  mimalloc_heap heap;
  for (int round = 0; round < 3; ++round) {
    fill(heap, 1000, 100);
    fill(heap, 2, 5 << 20);
    EXPECT_GT(live(heap), std::size_t{10} << 20);
    heap.reset();
    EXPECT_EQ(live(heap), 0u);
  }
  for (void* block : fill(heap, 100, 100)) heap.deallocate(block, 100, 8);
}

TEST(mimalloc_heap, takes_its_blocks_along_when_it_ends) {
  std::size_t most = 0;
  for (int round = 0; round < 200; ++round) {  // would be 1 GiB
    mimalloc_heap heap;
    static_cast<void>(heap.allocate(5 << 20, 8));
    most = std::max(most, cistern::mimalloc_backend::statistics().mapped_bytes.value());
  }
  EXPECT_LT(most, std::size_t{300} << 20);
}

TEST(mimalloc_heap, may_be_made_by_many_threads_one_each) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int round = 0; round < 20; ++round) {
        mimalloc_heap heap;
        for (void* block : fill(heap, 100, 1000)) heap.deallocate(block, 1000, 8);
        fill(heap, 100, 64);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

class mimalloc_heap_death : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(mimalloc_heap_death, allocation_by_another_thread_ends_the_program) {
  EXPECT_DEATH(
      {
        mimalloc_heap heap;
        std::thread([&] { static_cast<void>(heap.allocate(100, 8)); }).join();
      },
      "cistern: mimalloc_heap::allocate\\(\\) was called by a thread that did not make the heap");
}

// The address of a thread's own storage is often that of one that has ended; its number is not.
TEST_F(mimalloc_heap_death, a_thread_in_the_place_of_the_maker_is_another_thread) {
  EXPECT_DEATH(
      {
        std::optional<mimalloc_heap> heap;
        std::thread([&] { heap.emplace(); }).join();
        std::thread([&] { static_cast<void>(heap->allocate(100, 8)); }).join();
      },
      "cistern: mimalloc_heap::allocate\\(\\) was called by a thread that did not make the heap");
}

TEST_F(mimalloc_heap_death, reset_trim_statistics_and_destruction_by_another_thread_end_the_program) {
  const auto elsewhere = [](auto action) {
    auto heap = std::make_unique<mimalloc_heap>();
    std::thread([&] { action(heap); }).join();
  };
  using heap_pointer = std::unique_ptr<mimalloc_heap>;
  EXPECT_DEATH(elsewhere([](heap_pointer& heap) { heap->reset(); }), "cistern: mimalloc_heap::reset\\(\\)");
  EXPECT_DEATH(elsewhere([](heap_pointer& heap) { heap->trim(); }), "cistern: mimalloc_heap::trim\\(\\)");
  EXPECT_DEATH(elsewhere([](heap_pointer& heap) { heap->statistics(); }), "cistern: mimalloc_heap::statistics\\(\\)");
  EXPECT_DEATH(elsewhere([](heap_pointer& heap) { heap.reset(); }), "cistern: a mimalloc_heap was destroyed by");
}

}  // namespace
#endif
