// SPDX-License-Identifier: MIT
#include <cistern/allocators/memory_budget.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::bucket_pool;
using cistern::buffer;
using cistern::pool_options;
using cistern::powers_of_two;
using cistern::size_class_table;
using cistern::statistics_resource;
using ::testing::HasSubstr;

constexpr std::size_t largest = std::size_t{256} << 10;

bool is_aligned(const void* block, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

bool all_zero(const void* block, std::size_t bytes) {
  const auto* const at = static_cast<const unsigned char*>(block);
  return std::all_of(at, at + bytes, [](unsigned char each) { return each == 0; });
}

// The message with which a pool with these options refuses to be made.
std::string refusal(const pool_options& options) {
  try {
    const bucket_pool pool(options);
    return "none";
  } catch (const std::invalid_argument& wrong) {
    return wrong.what();
  }
}

// ---- classes

TEST(bucket_pool, rounds_a_size_up_to_its_class_on_get) {
  bucket_pool pool;
  const cistern::four_per_doubling classes({.smallest = 16, .largest = largest});
  for (std::size_t bytes = 0; bytes <= largest; bytes += 1 + bytes / 37) {
    void* const block = pool.allocate(bytes);
    ASSERT_EQ(pool.usable_size(block), classes.size_of(classes.index_up(bytes))) << bytes;
    pool.deallocate(block, bytes);
  }
}

TEST(bucket_pool, takes_a_block_back_under_every_size_of_its_class) {
  bucket_pool pool;
  for (std::size_t bytes = 1025; bytes <= 1280; ++bytes) {
    pool.deallocate(pool.allocate(1280), bytes);
    pool.deallocate(pool.allocate(bytes), 1025);
  }
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(bucket_pool, hands_out_the_last_block_put_first) {
  bucket_pool pool;
  void* const one = pool.allocate(64);
  void* const two = pool.allocate(64);
  pool.deallocate(one, 64);
  pool.free(two);
  EXPECT_EQ(pool.allocate(64), two);
  EXPECT_EQ(pool.allocate(50), one);
  pool.deallocate(one, 50);
  pool.deallocate(two, 64);
}

TEST(bucket_pool, ignores_null) {
  bucket_pool pool;
  pool.deallocate(nullptr, 64);
  pool.deallocate(nullptr, 0);
  pool.deallocate(nullptr, 1 << 20, 4096);
  pool.free(nullptr);
  EXPECT_EQ(pool.usable_size(nullptr), 0u);
}

TEST(bucket_pool, aligns_as_asked_and_knows_the_block_again) {
  bucket_pool pool;
  for (std::size_t alignment = 1; alignment <= (std::size_t{1} << 21); alignment *= 2)
    for (const std::size_t bytes : {0u, 1u, 40u, 100u, 1000u, 5000u, 50'000u, 262'144u, 300'000u}) {
      void* const block = pool.allocate(bytes, alignment);
      void* const other = pool.allocate(bytes, alignment);
      ASSERT_TRUE(is_aligned(block, alignment)) << bytes << " bytes at " << alignment;
      ASSERT_TRUE(is_aligned(other, alignment)) << bytes << " bytes at " << alignment;
      if (bytes != 0) {
        ASSERT_GE(pool.usable_size(block), bytes) << alignment;
      }
      std::memset(block, 1, bytes);
      pool.deallocate(block, bytes, alignment);
      pool.free(other);
    }
  EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
}

TEST(bucket_pool, sends_alignments_above_64_kib_upstream) {
  bucket_pool pool;
  void* const block = pool.allocate(100, std::size_t{1} << 17);
  EXPECT_EQ(pool.statistics().large, 100u);
  pool.deallocate(block, 100, std::size_t{1} << 17);
  void* const within = pool.allocate(100, std::size_t{1} << 16);
  EXPECT_EQ(pool.statistics().large, 0u);
  pool.deallocate(within, 100, std::size_t{1} << 16);
}

TEST(bucket_pool, refuses_an_alignment_that_is_no_power_of_two) {
  bucket_pool pool;
  for (const std::size_t alignment : {std::size_t{24}, std::size_t{48}, std::size_t{100}}) {
    EXPECT_THROW(static_cast<void>(pool.allocate(64, alignment)), std::invalid_argument);
    EXPECT_EQ(pool.try_allocate(64, alignment), nullptr);
  }
}

TEST(bucket_pool, counts_large_blocks_and_gives_them_back_at_once) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  bucket_pool pool({.upstream = &upstream});
  pool.deallocate(pool.allocate(largest + 1), largest + 1);
  const std::size_t before = upstream.snapshot().live_bytes;
  void* const sized = pool.allocate(1'000'000);
  void* const unsized = pool.allocate(2'000'000);
  EXPECT_EQ(pool.usable_size(sized), 1'000'000u);
  EXPECT_EQ(pool.statistics().large, 3'000'000u);
  EXPECT_GE(upstream.snapshot().live_bytes, before + 3'000'000);
  pool.deallocate(sized, 1'000'000);
  pool.free(unsized);
  EXPECT_EQ(pool.statistics().large, 0u);
  EXPECT_EQ(pool.statistics().large_gets, 3u);
  EXPECT_LT(upstream.snapshot().live_bytes, before + 1'000);
}

TEST(bucket_pool, finds_each_of_thousands_of_large_blocks) {
  bucket_pool pool({.classes = powers_of_two({.smallest = 16, .largest = 64})});
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::size_t bytes = 65; bytes < 3065; ++bytes) blocks.emplace_back(pool.allocate(bytes), bytes);
  std::ranges::shuffle(blocks, std::mt19937(1));
  for (const auto& [block, bytes] : blocks) {
    ASSERT_EQ(pool.usable_size(block), bytes);
    if (bytes % 2 == 0)
      pool.free(block);
    else
      pool.deallocate(block, bytes);
  }
  EXPECT_EQ(pool.statistics().large, 0u);
}

TEST(bucket_pool, never_has_one_block_out_twice) {
  bucket_pool pool;
  std::set<void*> out;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) ASSERT_TRUE(out.insert(pool.allocate(48)).second);
    for (void* const block : out) pool.deallocate(block, 48);
    out.clear();
    if (round == 1) pool.trim();
  }
}

TEST(bucket_pool, has_classes_of_powers_of_two) {
  bucket_pool pool({.classes = powers_of_two({.smallest = 64, .largest = 65'536})});
  for (std::size_t bytes = 0; bytes <= 65'536; bytes += 1 + bytes / 23) {
    void* const block = pool.allocate(bytes);
    std::size_t expected = 64;
    while (expected < bytes) expected *= 2;
    ASSERT_EQ(pool.usable_size(block), expected) << bytes;
    pool.deallocate(block, bytes == 0 ? expected : expected / 2 + 1);  // any size of the class; of the least, 33
  }
  EXPECT_EQ(pool.statistics().live, 0u);
}

// Several classes lie in one step of four_per_doubling, and 1500 and 1504 are one at multiples of 16.
TEST(bucket_pool, has_the_classes_of_a_table_that_lie_close_together) {
  bucket_pool pool({.classes = size_class_table({1500, 1504, 1510, 1520, 9000})});
  const std::array<std::pair<std::size_t, std::size_t>, 9> expected{{{0, 1504},
                                                                     {1, 1504},
                                                                     {1500, 1504},
                                                                     {1504, 1504},
                                                                     {1505, 1520},
                                                                     {1510, 1520},
                                                                     {1520, 1520},
                                                                     {1521, 9008},
                                                                     {9000, 9008}}};
  std::vector<void*> held;
  for (const auto& [bytes, room] : expected) {
    held.push_back(pool.allocate(bytes));
    EXPECT_EQ(pool.usable_size(held.back()), room) << bytes;
    std::memset(held.back(), 0xEE, room);
    buffer got = pool.get(bytes);
    EXPECT_EQ(got.capacity(), room) << bytes;
  }
  for (std::size_t i = 0; i < held.size(); ++i) pool.deallocate(held[i], expected[i].first);
  for (int i = 0; i < 1000; ++i) pool.free(pool.allocate(static_cast<std::size_t>(i) * 9));
  void* const beyond = pool.allocate(9009);
  EXPECT_EQ(pool.statistics().large, 9009u);
  pool.deallocate(beyond, 9009);
  EXPECT_EQ(pool.statistics().live, 0u);
}

TEST(bucket_pool, has_classes_above_a_chunk) {
  bucket_pool pool({.classes = size_class_table({100, 3'000'000, 20'000'000})});
  buffer middle = pool.get(2'999'999), large = pool.get(19'000'000), other = pool.get(20'000'000);
  EXPECT_EQ(large.capacity(), 20'000'000u);
  for (buffer* const each : {&middle, &large, &other}) std::memset(each->data(), 0x11, each->capacity());
  EXPECT_EQ(pool.statistics().large, 0u);
  std::byte* const block = large.data();
  large.reset();
  EXPECT_EQ(pool.get(19'500'000).data(), block);
}

TEST(bucket_pool, aligns_every_block_as_its_option_says) {
  for (const std::size_t alignment : {std::size_t{64}, std::size_t{4096}, std::size_t{65'536}}) {
    bucket_pool pool({.alignment = alignment});
    std::vector<std::pair<void*, std::size_t>> held;
    for (std::size_t bytes = 0; bytes < 600'000; bytes = bytes * 3 / 2 + 1)
      for (int i = 0; i < 3; ++i) {
        held.emplace_back(pool.allocate(bytes), bytes);
        ASSERT_TRUE(is_aligned(held.back().first, alignment)) << bytes << " bytes at " << alignment;
        std::memset(held.back().first, 0x22, bytes);
      }
    for (const auto& [block, bytes] : held) pool.deallocate(block, bytes);
    EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
  }
}

// ---- realloc

TEST(bucket_pool, reallocates_as_c_does) {
  bucket_pool pool;
  void* const block = pool.realloc(nullptr, 100);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(pool.realloc(block, 0), nullptr);
  EXPECT_EQ(pool.statistics().live, 0u);
  EXPECT_EQ(pool.realloc(nullptr, SIZE_MAX), nullptr);
}

TEST(bucket_pool, keeps_what_a_block_holds_when_it_is_reallocated) {
  bucket_pool plain, canaries({.canaries = true}), passing({.pass_through = true}), guarded({.guard_one_in = 2});
  for (bucket_pool* const pool : {&plain, &canaries, &passing, &guarded}) {
    std::mt19937 random(1);
    std::size_t bytes = 1;
    auto* block = static_cast<unsigned char*>(pool->realloc(nullptr, bytes));
    block[0] = 0;
    for (int i = 0; i < 300; ++i) {
      const std::size_t next = 1 + random() % (std::size_t{1} << random() % 21);
      block = static_cast<unsigned char*>(pool->realloc(block, next));
      ASSERT_NE(block, nullptr);
      for (std::size_t at = 0; at < std::min(bytes, next); at += 61)
        ASSERT_EQ(block[at], at % 251) << at << " of " << bytes << " to " << next;
      for (std::size_t at = 0; at < next; ++at) block[at] = static_cast<unsigned char>(at % 251);
      bytes = next;
    }
    pool->free(block);
    EXPECT_EQ(pool->statistics().live + pool->statistics().large, 0u);
  }
}

TEST(bucket_pool, leaves_a_block_as_it_is_when_it_cannot_be_reallocated) {
  bucket_pool pool({.max_bytes = 1 << 20});
  auto* const block = static_cast<char*>(pool.allocate(100));
  std::memset(block, 'a', 100);
  EXPECT_EQ(pool.realloc(block, 2 << 20), nullptr);
  EXPECT_EQ(pool.realloc(block, SIZE_MAX), nullptr);
  EXPECT_EQ(block[99], 'a');
  pool.deallocate(block, 100);
}

TEST(bucket_pool, gives_memory_back_when_a_large_block_shrinks) {
  bucket_pool pool;
  void* block = pool.realloc(nullptr, 8 << 20);
  block = pool.realloc(block, 300'000);
  EXPECT_EQ(pool.statistics().large, 300'000u);
  block = pool.realloc(block, 100);
  EXPECT_EQ(pool.statistics().large, 0u);
  EXPECT_EQ(pool.usable_size(block), 112u);
  pool.free(block);
}

// ---- batches

TEST(bucket_pool, gets_and_puts_batches) {
  bucket_pool pool;
  for (const std::size_t bytes : {std::size_t{64}, largest, largest + 1}) {
    std::array<void*, 50> blocks{};
    ASSERT_EQ(pool.allocate_batch(bytes, blocks), blocks.size());
    EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(), blocks.size());
    pool.deallocate_batch(bytes, blocks);
    EXPECT_EQ(pool.allocate_batch(bytes, {}), 0u);
  }
  EXPECT_EQ(pool.statistics().live + pool.statistics().large, 0u);
}

TEST(bucket_pool, says_how_much_of_a_batch_it_got) {
  bucket_pool pool({.max_bytes = 2 << 20});
  std::array<void*, 100> blocks{};
  const std::size_t got = pool.allocate_batch(100'000, blocks);
  EXPECT_GT(got, 5u);
  EXPECT_LT(got, 21u);
  pool.deallocate_batch(100'000, std::span(blocks).first(got));
  EXPECT_EQ(pool.statistics().live, 0u);
}

// ---- zeroes

TEST(bucket_pool, hands_out_zeroes_when_told_to) {
  bucket_pool plain({.zero_on_get = true}), passing({.zero_on_get = true, .pass_through = true});
  bucket_pool guarded({.zero_on_get = true, .guard_one_in = 2});
  for (bucket_pool* const pool : {&plain, &passing, &guarded})
    for (const std::size_t bytes : {1u, 100u, 5000u, 300'000u})
      for (int round = 0; round < 3; ++round) {
        buffer got = pool->get(bytes);
        ASSERT_TRUE(all_zero(got.data(), got.capacity())) << bytes;
        std::memset(got.data(), 0x77, got.capacity());
      }
}

TEST(bucket_pool, wipes_what_is_put_when_told_to) {
  bucket_pool pool({.zero_on_put = true});
  for (const std::size_t bytes : {16u, 100u, 5000u}) {
    void* const block = pool.allocate(bytes);
    std::memset(block, 0x77, pool.usable_size(block));
    pool.deallocate(block, bytes);
    void* const again = pool.allocate(bytes);
    ASSERT_EQ(again, block);
    const std::size_t words = 2 * sizeof(std::uint64_t);
    EXPECT_TRUE(all_zero(static_cast<char*>(again) + words, pool.usable_size(again) - words));
    pool.free(again);
  }
}

// Looks at what it gets back.
class inspector final : public std::pmr::memory_resource {
 public:
  std::size_t secrets = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    secrets += std::string_view(static_cast<const char*>(block), bytes).find("a secret") != std::string_view::npos;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(bucket_pool, wipes_large_blocks_too) {
  for (const bool pass_through : {false, true}) {
    inspector upstream;
    bucket_pool pool({.upstream = &upstream, .zero_on_put = true, .pass_through = pass_through});
    void* const block = pool.allocate(300'000);
    std::strcpy(static_cast<char*>(block) + 100'000, "a secret");
    pool.deallocate(block, 300'000);
    EXPECT_EQ(upstream.secrets, 0u) << (pass_through ? "passed through" : "large");
  }
}

// ---- among others

TEST(bucket_pool, is_equal_to_itself_only) {
  bucket_pool one, other;
  EXPECT_TRUE(one.is_equal(one));
  EXPECT_FALSE(one.is_equal(other));
}

TEST(bucket_pool, may_be_the_upstream_of_another) {
  bucket_pool below({.classes = powers_of_two({.smallest = 16, .largest = 8 << 20})});
  {
    bucket_pool above({.classes = powers_of_two({.smallest = 16, .largest = 1024}), .upstream = &below});
    void* const small = above.allocate(100);
    void* const large = above.allocate(2000);
    EXPECT_EQ(above.usable_size(small), 128u);
    EXPECT_EQ(above.usable_size(large), 2000u);
    above.free(small);
    above.deallocate(large, 2000);
  }
  EXPECT_EQ(below.statistics().live + below.statistics().large, 0u);
}

TEST(bucket_pool, never_confuses_a_pool_with_one_that_was_there_before) {
  statistics_resource upstream(std::pmr::new_delete_resource());
  for (int i = 0; i < 200; ++i) {
    bucket_pool pool({.upstream = &upstream});
    bucket_pool other({.upstream = &upstream});
    void* const one = pool.allocate(64);
    void* const two = other.allocate(64);
    std::thread([&] { pool.deallocate(one, 64); }).join();
    other.deallocate(two, 64);
    ASSERT_EQ(pool.statistics().gets, 1u);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

// ---- options and names

TEST(bucket_pool, says_which_option_is_wrong) {
  EXPECT_THAT(refusal({.alignment = 3}), HasSubstr("alignment (3) is not a power of two"));
  EXPECT_THAT(refusal({.alignment = 0}), HasSubstr("alignment (0) is not a power of two"));
  EXPECT_THAT(refusal({.alignment = 8}), HasSubstr("alignment (8) must lie between 16 and 65536"));
  EXPECT_THAT(refusal({.alignment = 131'072}), HasSubstr("alignment (131072) must lie between 16 and 65536"));
  EXPECT_THAT(refusal({.max_bytes = 0}), HasSubstr("max_bytes is 0; with less than 1 MiB a pool serves little"));
  EXPECT_THAT(refusal({.max_bytes = 1'000'000}), HasSubstr("max_bytes is 1000000"));
  EXPECT_THAT(refusal({.canaries = true, .pass_through = true}), HasSubstr("pass_through has no blocks for canaries"));
  EXPECT_THAT(refusal({.name = "two\nlines"}), HasSubstr("the name has a control character"));
  EXPECT_THAT(refusal({.max_wait = std::chrono::nanoseconds(-1)}), HasSubstr("max_wait is negative"));
  EXPECT_THAT(refusal({.name = "a name of thirty-two characters."}),
              HasSubstr("\"a name of thirty-two characters.\" is longer than 31 characters"));
  EXPECT_THAT(refusal({.classes = size_class_table({16, std::size_t{1} << 31})}),
              HasSubstr("the largest class (2147483648) is above 1 GiB"));
  EXPECT_EQ(refusal({.name = "a name of thirty-one characters", .alignment = 65'536}), "none");
}

TEST(bucket_pool, cannot_be_given_classes_that_are_none) {
  EXPECT_THROW(pool_options({.classes = size_class_table({64, 32})}), std::invalid_argument);
  EXPECT_THROW(pool_options({.classes = size_class_table({0, 32})}), std::invalid_argument);
  EXPECT_THROW(pool_options({.classes = powers_of_two({.smallest = 64, .largest = 32})}), std::invalid_argument);
}

TEST(bucket_pool, says_that_there_is_no_memory_for_it) {
  EXPECT_THROW(bucket_pool({.upstream = std::pmr::null_memory_resource()}), std::bad_alloc);
  cistern::memory_budget budget(100);
  EXPECT_THROW(bucket_pool({.budget = &budget}), std::bad_alloc);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(bucket_pool, has_the_name_and_the_options_it_was_given) {
  std::string name = "pictures";
  const bucket_pool pool({.name = name, .alignment = 64, .max_bytes = 10 << 20});
  name = "overwritten";
  EXPECT_EQ(pool.name(), "pictures");
  EXPECT_EQ(pool.options().name, "pictures");
  EXPECT_EQ(pool.options().alignment, 64u);
  EXPECT_EQ(pool.options().max_bytes, std::size_t{10} << 20);
  EXPECT_EQ(pool.statistics().name, "pictures");
}

TEST(bucket_pool, is_found_by_its_name_while_it_is_there) {
  EXPECT_EQ(cistern::find_pool("pictures"), nullptr);
  {
    bucket_pool pool({.name = "pictures"}), nameless;
    EXPECT_EQ(cistern::find_pool("pictures"), &pool);
    EXPECT_EQ(cistern::find_pool("picture"), nullptr);
    EXPECT_EQ(cistern::find_pool(""), nullptr);
  }
  EXPECT_EQ(cistern::find_pool("pictures"), nullptr);
}

TEST(bucket_pool, is_among_all_pools) {
  const auto count = [](std::string_view name) {
    return std::ranges::count(cistern::all_pool_statistics(), name, &cistern::pool_statistics::name);
  };
  EXPECT_EQ(count("pictures"), 0);
  {
    const bucket_pool pool({.name = "pictures"});
    EXPECT_EQ(count("pictures"), 1);
  }
  EXPECT_EQ(count("pictures"), 0);
}

TEST(bucket_pool, is_there_for_the_whole_process) {
  bucket_pool& pool = bucket_pool::process();
  EXPECT_EQ(&pool, &bucket_pool::process());
  EXPECT_EQ(pool.name(), "default");
  EXPECT_EQ(cistern::find_pool("default"), &pool);
  pool.deallocate(pool.allocate(100), 100);
}

}  // namespace
