// SPDX-License-Identifier: MIT
#include <cistern/allocators/jemalloc_arena.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>
#include <cistern/allocators/system_backend.hpp>

#if CISTERN_WITH_JEMALLOC
#include <contracts/memory_resource_contract.hpp>

#include <array>
#include <cstring>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace {

using cistern::jemalloc_arena;

const cistern::contracts::memory_resource_contract contract{{
    .name = "jemalloc_arena",
    .make = [] { return std::make_unique<jemalloc_arena>(); },
}};

std::size_t live(const jemalloc_arena& arena) { return arena.statistics().live_bytes.value(); }
std::size_t resident(const jemalloc_arena& arena) { return arena.statistics().resident_bytes.value(); }

std::vector<void*> fill(std::pmr::memory_resource& resource, std::size_t count, std::size_t bytes) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(resource.allocate(bytes, 8));
    std::memset(blocks.back(), 1, bytes);
  }
  return blocks;
}

TEST(jemalloc_arena, counts_its_own_blocks_exactly_and_no_others) {
  jemalloc_arena arena, other;
  const std::size_t start = live(arena);
  const std::vector<void*> blocks = fill(arena, 1000, 1024);
  const std::vector<void*> others = fill(other, 500, 1024);
  void* const elsewhere = cistern::jemalloc_backend::allocate(5000, 8);
  EXPECT_EQ(live(arena), start + 1000 * 1024);
  std::thread([&] { fill(arena, 10, 1024); }).join();
  EXPECT_EQ(live(arena), start + 1010 * 1024);
  for (void* block : blocks) arena.deallocate(block, 1024, 8);
  EXPECT_EQ(live(arena), start + 10 * 1024);  // nothing lies in a thread's cache
  for (void* block : others) other.deallocate(block, 1024, 8);
  cistern::jemalloc_backend::deallocate(elsewhere, 5000, 8);
}

#if !CISTERN_CONTRACT_ASAN && !CISTERN_TSAN
// Takes from malloc whatever it has, down to the smallest block.
void take_all_of_malloc() {
  const rlimit none{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &none);
  void* volatile block = nullptr;  // volatile: else the compiler leaves out what nobody uses
  for (std::size_t bytes = std::size_t{1} << 20; bytes >= 16; bytes /= 2) {
    block = cistern::system_backend::allocate(bytes, 1);
    while (block != nullptr) block = cistern::system_backend::allocate(bytes, 1);
  }
}

TEST(jemalloc_arena, can_be_purged_and_ended_when_memory_has_run_out) {
  const int status = cistern::contracts::detail::in_child([] {
    std::array<jemalloc_arena, 12> arenas;  // the later ones have longer names
    for (jemalloc_arena& arena : arenas) arena.deallocate(arena.allocate(100'000), 100'000);
    take_all_of_malloc();
    for (jemalloc_arena& arena : arenas) {
      arena.purge();
      arena.reset();
    }
    return 0;
  });
  EXPECT_EQ(status, 0);
}
#endif

TEST(jemalloc_arena, gives_free_pages_back_when_purged) {
  jemalloc_arena arena;
  std::vector<void*> blocks = fill(arena, 2000, 16'384);
  for (void* block : blocks) arena.deallocate(block, 16'384, 8);
  EXPECT_GT(resident(arena), std::size_t{24} << 20);
  arena.purge();
  EXPECT_LT(resident(arena), std::size_t{4} << 20);
  EXPECT_GE(arena.statistics().mapped_bytes.value(), resident(arena));
}

TEST(jemalloc_arena, frees_everything_when_reset_and_goes_on) {
  jemalloc_arena arena;
  const std::size_t start = live(arena);
  for (int round = 0; round < 3; ++round) {
    fill(arena, 1000, 100);
    fill(arena, 3, 5 << 20);
    EXPECT_GT(live(arena), start + (15 << 20));
    arena.reset();
    EXPECT_EQ(live(arena), start);
  }
  for (void* block : fill(arena, 100, 100)) arena.deallocate(block, 100, 8);
}

TEST(jemalloc_arena, takes_its_blocks_along_when_it_ends) {
  std::size_t most = 0;
  for (int round = 0; round < 200; ++round) {  // would be 1 GiB
    jemalloc_arena arena;
    static_cast<void>(arena.allocate(5 << 20, 8));
    most = std::max(most, cistern::jemalloc_backend::statistics().mapped_bytes.value());
  }
  EXPECT_LT(most, std::size_t{300} << 20);
}

TEST(jemalloc_arena, resizes_in_place_like_the_backend) {
  jemalloc_arena arena;
  void* const block = arena.allocate(100, 8);  // of class 112
  EXPECT_EQ(arena.usable_size(block), arena.good_size(100));
  EXPECT_TRUE(arena.try_resize(block, 100, 110, 8));
  EXPECT_FALSE(arena.try_resize(block, 110, 200, 8));
  EXPECT_FALSE(arena.try_resize(block, 110, 10, 8));
  arena.deallocate(block, 110, 8);
}

TEST(jemalloc_arena, is_equal_to_itself_only) {
  const jemalloc_arena arena, other;
  EXPECT_TRUE(arena.is_equal(arena));
  EXPECT_FALSE(arena.is_equal(other));
}

}  // namespace
#endif
