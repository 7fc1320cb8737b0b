// SPDX-License-Identifier: MIT
#include <cistern/allocators/resource_backend.hpp>
#include <cistern/pools/free_list.hpp>

#include <cstdint>
#include <memory_resource>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::free_list;
using cistern::resource_backend;

// Counts what is out, and fails when told to.
class counting_resource : public std::pmr::memory_resource {
 public:
  std::size_t out = 0, allocations = 0, left = 1'000'000;
  std::size_t last_bytes = 0, last_alignment = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (left == 0) throw std::bad_alloc();
    --left;
    ++allocations;
    ++out;
    last_bytes = bytes;
    last_alignment = alignment;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    EXPECT_EQ(bytes, last_bytes);
    EXPECT_EQ(alignment, last_alignment);
    --out;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

using counted_list = free_list<resource_backend>;

TEST(free_list, hands_out_the_last_block_given_back_first) {
  free_list<> list(64);
  void* const one = list.allocate();
  void* const two = list.allocate();
  list.deallocate(one);
  list.deallocate(two);
  EXPECT_EQ(list.allocate(), two);
  EXPECT_EQ(list.allocate(), one);
  list.deallocate(one);
  list.deallocate(two);
}

TEST(free_list, asks_the_backend_only_for_what_is_not_idle) {
  counting_resource upstream;
  counted_list list(64, 16, resource_backend(&upstream));
  EXPECT_EQ(upstream.allocations, 0u);
  for (int i = 0; i < 100; ++i) list.deallocate(list.allocate());
  EXPECT_EQ(upstream.allocations, 1u);
}

TEST(free_list, never_has_one_block_out_twice) {
  free_list<> list(24);
  std::set<void*> out;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(out.insert(list.allocate()).second);
  for (void* const block : out) list.deallocate(block);
  std::set<void*> again;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(again.insert(list.allocate()).second);
  EXPECT_EQ(again, out);
  for (void* const block : again) list.deallocate(block);
}

TEST(free_list, makes_blocks_large_and_aligned_enough_for_its_own_link) {
  counting_resource upstream;
  counted_list list(1, 1, resource_backend(&upstream));
  EXPECT_EQ(list.block_bytes(), sizeof(void*));
  EXPECT_EQ(list.alignment(), alignof(void*));
  list.deallocate(list.allocate());
  EXPECT_EQ(upstream.last_bytes, sizeof(void*));
}

TEST(free_list, keeps_the_alignment_it_was_made_with) {
  free_list<> list(100, 256);
  void* const block = list.allocate();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 256, 0u);
  list.deallocate(block);
}

TEST(free_list, gives_idle_blocks_back_when_told_and_at_its_end) {
  counting_resource upstream;
  void* out = nullptr;
  {
    counted_list list(64, 16, resource_backend(&upstream));
    EXPECT_EQ(list.reserve(10), 10u);
    EXPECT_EQ(upstream.out, 10u);
    EXPECT_EQ(list.trim(3), 3u);
    EXPECT_EQ(upstream.out, 7u);
    out = list.allocate();
    EXPECT_EQ(list.trim(), 6u);
    EXPECT_EQ(list.trim(), 0u);
    EXPECT_EQ(list.reserve(2), 2u);
  }
  EXPECT_EQ(upstream.out, 1u);  // the one that is out is the caller's
  upstream.deallocate(out, 64, 16);
}

TEST(free_list, answers_null_when_there_is_no_memory_and_goes_on_afterwards) {
  counting_resource upstream;
  counted_list list(64, 16, resource_backend(&upstream));
  upstream.left = 2;
  EXPECT_EQ(list.reserve(5), 2u);
  void* const one = list.allocate();
  void* const two = list.allocate();
  EXPECT_EQ(list.allocate(), nullptr);
  list.deallocate(two);
  EXPECT_EQ(list.allocate(), two);
  list.deallocate(one);
  list.deallocate(two);
}

TEST(free_list, ignores_null) {
  free_list<> list(64);
  list.deallocate(nullptr);
  EXPECT_EQ(list.trim(), 0u);
}

TEST(free_list, takes_its_idle_blocks_along_when_moved) {
  counting_resource upstream, other_upstream;
  counted_list list(64, 16, resource_backend(&upstream));
  list.reserve(3);
  counted_list moved(std::move(list));
  counted_list assigned(32, 16, resource_backend(&other_upstream));
  assigned.reserve(2);
  assigned = std::move(moved);
  EXPECT_EQ(other_upstream.out, 0u);
  EXPECT_EQ(assigned.block_bytes(), 64u);
  EXPECT_EQ(assigned.trim(), 3u);
  EXPECT_EQ(upstream.out, 0u);
}

}  // namespace
