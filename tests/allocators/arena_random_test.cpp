// SPDX-License-Identifier: MIT
//
// The arena against a model that knows every live allocation, its contents and every mark; and its poisoning, which the
// same model checks byte by byte where AddressSanitizer runs.
#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/statistics_resource.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory_resource>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#if CISTERN_ASAN
extern "C" int __asan_address_is_poisoned(const volatile void* address);
#endif

namespace {

using cistern::age_level;
using cistern::ageing_clock;
using cistern::arena;

bool poisoned([[maybe_unused]] const void* address) {
#if CISTERN_ASAN
  return __asan_address_is_poisoned(address) != 0;
#else
  return true;
#endif
}

struct allocation {
  unsigned char* address;
  std::size_t bytes;
  unsigned char filling;

  bool intact() const {
    return std::all_of(address, address + bytes, [this](unsigned char byte) { return byte == filling; });
  }
  bool is_poisoned() const {  // in the middle, since neighbours may share eight bytes at its ends
    return bytes < 16 || poisoned(address + bytes / 2);
  }
};

class arena_and_model {
 public:
  enum class ageing { by_clock, at_reset };

  arena_and_model(unsigned seed, ageing by)
      : random_(seed),
        memory_({.first_block = 300,
                 .max_block = 5000,
                 .upstream = &upstream_,
                 .clock = by == ageing::by_clock ? &clock_ : nullptr}) {}

  void step() {
    const auto choice = random_() % 100;
    if (choice < 70)
      allocate();
    else if (choice < 85)
      marks_.push_back({memory_.mark(), live_.size(), memory_.used_bytes()});
    else if (choice < 94)
      rewind();
    else if (choice < 96)
      reset();
    else if (choice < 99)
      clock_.tick(random_() % 4 == 0 ? age_level::pressure : age_level::tick);
    else
      memory_.trim();
    check_sums();
  }

  void check_contents() const {
    std::map<const unsigned char*, std::size_t> by_address;
    for (const allocation& each : live_) {
      ASSERT_TRUE(each.intact()) << each.bytes << " bytes";
      by_address[each.address] = each.bytes;
    }
    const unsigned char* end = nullptr;
    for (const auto& [address, bytes] : by_address) {
      ASSERT_GE(address, end);
      end = address + bytes;
    }
  }

 private:
  struct state {
    arena::mark_t mark;
    std::size_t live, used;
  };

  void allocate() {
    const std::size_t bytes = random_() % (std::size_t{1} << random_() % 14);
    const std::size_t alignment = std::size_t{1} << (random_() % 20 == 0 ? random_() % 14 : random_() % 6);
    auto* const address = static_cast<unsigned char*>(memory_.allocate(bytes, alignment));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(address) % alignment, 0u);
    const auto filling = static_cast<unsigned char>(random_());
    std::memset(address, filling, bytes);  // AddressSanitizer ends the program if any of it is poisoned
    if (bytes != 0) live_.push_back({address, bytes, filling});
  }

  void rewind() {
    if (marks_.empty()) return;
    const std::size_t which = random_() % marks_.size();
    const state before = marks_[which];
    marks_.resize(which + random_() % 2);  // it stays alive, and may be used again
    memory_.rewind(before.mark);
    ASSERT_EQ(memory_.used_bytes(), before.used);
    forget(before.live);
  }

  void reset() {
    marks_.clear();
    memory_.reset();
    ASSERT_EQ(memory_.used_bytes(), 0u);
    forget(0);
  }

  void forget(std::size_t down_to) {
    for (; live_.size() > down_to; live_.pop_back())
      ASSERT_TRUE(live_.back().is_poisoned()) << live_.back().bytes << " bytes can still be read";
  }

  void check_sums() const {
    const cistern::arena_statistics now = memory_.statistics();
    ASSERT_EQ(now.in_use_bytes + now.spare_bytes, upstream_.snapshot().live_bytes);
    ASSERT_LE(now.in_use_bytes, now.peak_bytes);
    std::size_t sum = 0;
    for (const allocation& each : live_) sum += each.bytes;
    ASSERT_GE(memory_.used_bytes(), sum);
    ASSERT_LE(memory_.used_bytes(), now.in_use_bytes);
  }

  std::mt19937 random_;
  cistern::statistics_resource upstream_{std::pmr::new_delete_resource()};
  ageing_clock clock_;
  arena memory_;
  std::vector<allocation> live_;
  std::vector<state> marks_;
};

void run(arena_and_model::ageing by) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    arena_and_model both(seed, by);
    for (int step = 0; step < 1000 && !::testing::Test::HasFailure(); ++step) {
      both.step();
      if (step % 10 == 0) both.check_contents();
    }
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

TEST(arena, agrees_with_a_model) { run(arena_and_model::ageing::by_clock); }
TEST(arena, agrees_with_a_model_when_it_has_no_clock) { run(arena_and_model::ageing::at_reset); }

#if CISTERN_ASAN
bool all_poisoned(const char* from, const char* to) {
  return std::all_of(from, to, [](const char& each) { return poisoned(&each); });
}
bool none_poisoned(const char* from, const char* to) {
  return std::none_of(from, to, [](const char& each) { return poisoned(&each); });
}

TEST(arena, poisons_all_that_is_not_handed_out) {
  ageing_clock clock;
  arena memory({.first_block = 4096, .clock = &clock});
  auto* const first = static_cast<char*>(memory.allocate(100));
  EXPECT_TRUE(none_poisoned(first, first + 100));
  EXPECT_TRUE(all_poisoned(first - 3000, first));

  const arena::mark_t mark = memory.mark();
  auto* const second = static_cast<char*>(memory.allocate(64));
  auto* const in_the_next = static_cast<char*>(memory.allocate(5000));
  memory.rewind(mark);
  EXPECT_TRUE(all_poisoned(second, second + 64));
  EXPECT_TRUE(all_poisoned(in_the_next, in_the_next + 5000));
  EXPECT_TRUE(none_poisoned(first, first + 100));

  auto* const third = static_cast<char*>(memory.allocate(64));
  EXPECT_TRUE(none_poisoned(third, third + 64));
  memory.deallocate(third, 64);
  EXPECT_TRUE(all_poisoned(third, third + 64));
  EXPECT_TRUE(none_poisoned(first, first + 100));
  memory.reset();
  EXPECT_TRUE(all_poisoned(first, first + 100));
}

// Keeps the blocks that it is given, to look at them.
class last_owner final : public std::pmr::memory_resource {
 public:
  int given = 0, still_poisoned = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    ++given;
    const auto* const from = static_cast<const char*>(block);
    still_poisoned += none_poisoned(from, from + bytes) ? 0 : 1;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(arena, gives_blocks_back_unpoisoned) {
  last_owner owner;
  ageing_clock clock;
  {
    arena memory({.first_block = 1000, .max_block = 3001, .upstream = &owner, .clock = &clock});
    for (int round = 0; round < 4; ++round) {
      for (std::size_t i = 0; i < 100; ++i) memory.deallocate(memory.allocate(i + 1, 1), i + 1, 1);
      static_cast<void>(memory.allocate(10'000));
      if (round == 3) break;
      memory.reset();
      if (round == 1) memory.trim();
      if (round == 2) clock.tick(age_level::pressure);
    }
  }
  EXPECT_GT(owner.given, 8);
  EXPECT_EQ(owner.still_poisoned, 0);
}
#endif

}  // namespace
