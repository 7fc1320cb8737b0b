// SPDX-License-Identifier: MIT
#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/fail_nth_resource.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <contracts/every_allocation.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::age_level;
using cistern::ageing_clock;
using cistern::arena;
using cistern::background_reclaimer;
using cistern::statistics_resource;

const cistern::contracts::memory_resource_contract contract{{
    .name = "arena",
    .make = [] { return std::make_unique<arena>(); },
    .thread_safe = false,
    .bounded_by_system = false,  // it is, but does not go on after: nothing comes back before the arena ends
}};

constexpr std::size_t kib = 1024;

// An arena with blocks of 1, 2, 4, 4 ... KiB, all of whose memory has come back when it ends.
struct small_arena {
  statistics_resource upstream;
  ageing_clock clock;
  arena memory;

  explicit small_arena(std::pmr::memory_resource* from = std::pmr::new_delete_resource())
      : upstream(from),
        memory({.first_block = 1 * kib, .max_block = 4 * kib, .upstream = &upstream, .clock = &clock}) {}

  // A round that needs about so many bytes.
  void use(std::size_t bytes) {
    for (std::size_t done = 0; done < bytes; done += 256) std::memset(memory.allocate(256), 1, 256);
  }
  void round(std::size_t bytes, int times = 1) {
    for (int i = 0; i < times; ++i) {
      use(bytes);
      memory.reset();
    }
  }

  std::size_t held() const { return upstream.snapshot().live_bytes; }
  std::uint64_t asked() const { return upstream.snapshot().allocations; }
};

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

TEST(arena, hands_out_a_whole_block_without_asking_again) {
  small_arena small;
  EXPECT_EQ(small.asked(), 0u);
  for (int i = 0; i < 15; ++i) static_cast<void>(small.memory.allocate(64));  // beside the header
  EXPECT_EQ(small.asked(), 1u);
  EXPECT_EQ(small.held(), 1 * kib);
  EXPECT_EQ(small.memory.used_bytes(), 15u * 64u);
}

TEST(arena, doubles_its_blocks_up_to_the_largest) {
  small_arena small;
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 1000; ++i) {
    const std::size_t before = small.held();
    static_cast<void>(small.memory.allocate(32));
    if (small.held() != before) sizes.push_back(small.held() - before);
  }
  ASSERT_GE(sizes.size(), 5u);
  sizes.resize(5);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1 * kib, 2 * kib, 4 * kib, 4 * kib, 4 * kib}));
}

TEST(arena, gives_a_request_that_is_too_large_a_block_of_its_own) {
  small_arena small;
  auto* const large = static_cast<char*>(small.memory.allocate(100 * kib, 8));
  std::memset(large, 1, 100 * kib);
  EXPECT_LT(small.held(), 101 * kib);
  EXPECT_EQ(number(small.memory.allocate(1, 64 * kib)) % (64 * kib), 0u);
  EXPECT_EQ(number(small.memory.allocate(0, 16 * kib)) % (16 * kib), 0u);
}

TEST(arena, fits_as_much_as_there_is_room_for) {
  small_arena small;
  static_cast<void>(small.memory.allocate(1, 1));
  std::size_t room = 1;
  while (small.asked() == 1) {
    static_cast<void>(small.memory.allocate(1, 1));
    ++room;
  }
  small.memory.reset();
  static_cast<void>(small.memory.allocate(room - 1, 1));  // exactly the first block
  EXPECT_EQ(small.memory.statistics().in_use_bytes, 1 * kib);
}

std::string refusal(const cistern::arena_options& options) {
  try {
    const arena memory(options);
    return "none";
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
}

TEST(arena, refuses_options_that_make_no_sense) {
  EXPECT_EQ(refusal({.first_block = 0}),
            "arena_options: first_block is 0 bytes, but must be 1 to max_block, which is 1048576");
  EXPECT_EQ(refusal({.first_block = 8192, .max_block = 4096}),
            "arena_options: first_block is 8192 bytes, but must be 1 to max_block, which is 4096");
  EXPECT_EQ(refusal({.max_block = 0}), "arena_options: max_block is 0 bytes, but must be 1 to 9223372036854775807");
  EXPECT_EQ(refusal({.max_block = SIZE_MAX}),
            "arena_options: max_block is 18446744073709551615 bytes, but must be 1 to 9223372036854775807");
  EXPECT_EQ(refusal({.first_block = 1, .max_block = 1}), "none");
}

TEST(arena, takes_blocks_from_the_default_backend_unless_told) {
  EXPECT_EQ(arena().upstream_resource(), &cistern::default_backend());
}

TEST(arena, works_with_blocks_that_hold_next_to_nothing) {
  arena memory({.first_block = 1, .max_block = 1});
  std::memset(memory.allocate(5, 1), 1, 5);
  std::memset(memory.allocate(100, 64), 2, 100);
  memory.reset();
  std::memset(memory.allocate(5, 1), 3, 5);
}

// ---- marks

TEST(arena, hands_out_the_same_memory_after_a_rewind) {
  small_arena small;
  static_cast<void>(small.memory.allocate(100));
  const arena::mark_t mark = small.memory.mark();
  const std::size_t used = small.memory.used_bytes();
  void* const first = small.memory.allocate(40);
  small.memory.rewind(mark);
  EXPECT_EQ(small.memory.used_bytes(), used);
  EXPECT_EQ(small.memory.allocate(40), first);
}

TEST(arena, rewinds_over_blocks_and_leaves_what_is_older) {
  small_arena small;
  auto* const older = static_cast<unsigned char*>(small.memory.allocate(200));
  std::memset(older, 0x5A, 200);
  const std::size_t used = small.memory.used_bytes();
  const arena::mark_t mark = small.memory.mark();
  void* const first = small.memory.allocate(16);
  for (int i = 0; i < 3; ++i) {
    small.memory.rewind(mark);
    EXPECT_EQ(small.memory.used_bytes(), used);
    EXPECT_EQ(small.memory.allocate(16), first);
    small.use(20 * kib);
  }
  const std::uint64_t asked = small.asked();
  small.memory.rewind(mark);
  small.use(20 * kib);
  EXPECT_EQ(small.asked(), asked);  // the blocks were kept
  EXPECT_TRUE(std::all_of(older, older + 200, [](unsigned char byte) { return byte == 0x5A; }));
}

TEST(arena, has_marks_within_marks_in_all_blocks) {
  small_arena small;
  std::vector<arena::mark_t> marks;
  std::vector<std::size_t> used;
  for (int i = 0; i < 100; ++i) {
    marks.push_back(small.memory.mark());
    used.push_back(small.memory.used_bytes());
    static_cast<void>(small.memory.allocate(static_cast<std::size_t>(i) * 7 % 900, 4));
  }
  for (; !marks.empty(); marks.pop_back(), used.pop_back()) {
    small.memory.rewind(marks.back());
    EXPECT_EQ(small.memory.used_bytes(), used.back());
  }
}

TEST(arena, can_go_back_to_its_beginning_at_any_time) {
  small_arena small;
  const arena::mark_t of_empty = small.memory.mark();
  small.memory.rewind(of_empty);
  for (const std::size_t bytes : {std::size_t{100}, 20 * kib, std::size_t{100}}) {
    small.use(bytes);
    small.memory.rewind(of_empty);
    EXPECT_EQ(small.memory.used_bytes(), 0u);
    small.use(bytes);
    small.memory.rewind(arena::mark_t{});
    EXPECT_EQ(small.memory.used_bytes(), 0u);
  }
  small.memory.reset();
  small.memory.rewind(of_empty);
}

void use_mark_of_another() {
  small_arena small, other;
  small.use(100);
  other.use(100);
  other.memory.rewind(small.memory.mark());
}

void use_mark_after(void (*kill)(arena& memory, arena::mark_t older), std::size_t bytes) {
  small_arena small;
  small.use(512);
  const arena::mark_t older = small.memory.mark();
  small.use(bytes);
  const arena::mark_t mark = small.memory.mark();
  kill(small.memory, older);
  small.memory.rewind(mark);
}

TEST(arena, ends_the_program_at_a_mark_that_is_seen_to_be_dead) {
  const char* const message = "cistern: arena: rewound to a mark that is no longer alive";
  for (const std::size_t bytes : {std::size_t{256}, 10 * kib}) {  // in the first block, in a later one
    EXPECT_DEATH(use_mark_after([](arena& memory, arena::mark_t older) { memory.rewind(older); }, bytes), message);
    EXPECT_DEATH(use_mark_after([](arena& memory, arena::mark_t) { memory.reset(); }, bytes), message);
  }
  EXPECT_DEATH(use_mark_of_another(), message);
}

// ---- what is kept

TEST(arena, needs_no_new_block_for_a_round_like_the_last_one) {
  small_arena small;
  small.round(50 * kib);
  const std::uint64_t asked = small.asked();
  small.round(50 * kib, 10);
  EXPECT_EQ(small.asked(), asked);
}

TEST(arena, keeps_what_recent_rounds_justify_and_ages_the_rest) {
  small_arena small;
  for (int i = 0; i < 5; ++i) small.clock.tick();  // the clock has not begun with the arena
  small.round(50 * kib);
  const std::size_t of_large_round = small.held();
  small.round(2 * kib, 40);  // leaves the first block each time
  EXPECT_EQ(small.held(), of_large_round);
  EXPECT_EQ(small.memory.statistics().justified_bytes, 3 * kib);  // 1 and 2
  EXPECT_TRUE(small.clock.tick());
  small.round(2 * kib);
  EXPECT_EQ(small.held(), of_large_round);  // not idle for a whole period yet
  small.clock.tick();
  EXPECT_EQ(small.held(), 3 * kib);
  const std::uint64_t asked = small.asked();
  small.round(2 * kib);
  EXPECT_EQ(small.asked(), asked);
}

TEST(arena, forgets_a_large_round_by_an_eighth_with_each_small_one) {
  small_arena small;
  small.round(50 * kib);
  std::size_t expected = small.memory.statistics().peak_bytes;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(small.memory.statistics().justified_bytes, expected);
    small.round(2 * kib);
    expected -= expected / 8;
  }
}

TEST(arena, lets_go_by_halves_while_it_rests) {
  small_arena small;
  small.round(50 * kib);
  const std::size_t all = small.held();
  small.clock.tick();
  EXPECT_EQ(small.held(), all);
  for (std::size_t justified = all / 2; justified >= 4 * kib; justified /= 2) {
    EXPECT_TRUE(small.clock.tick());
    EXPECT_GE(small.held() + 2 * kib, justified);  // in whole blocks, of 4 KiB most of them
    EXPECT_LE(small.held(), justified + 2 * kib);
  }
  small.clock.tick();
  EXPECT_FALSE(small.clock.tick());  // nothing is left to wait for
  EXPECT_EQ(small.held(), 1 * kib);  // the first block
}

TEST(arena, ages_while_its_owner_sleeps) {
  small_arena small;
  std::atomic<int> step{0};
  std::thread owner([&] {
    small.round(50 * kib);
    step.store(1);
    step.notify_one();
    step.wait(1);
    small.round(50 * kib);
  });
  step.wait(0);
  for (int i = 0; i < 12; ++i) small.clock.tick();
  EXPECT_EQ(small.held(), 1 * kib);
  step.store(2);
  step.notify_one();
  owner.join();
}

TEST(arena, gives_all_that_is_spare_back_under_pressure_and_nothing_in_use) {
  small_arena small;
  small.round(50 * kib);
  auto* const lives = static_cast<unsigned char*>(small.memory.allocate(900));
  std::memset(lives, 0x77, 900);
  small.use(2 * kib);
  EXPECT_FALSE(small.clock.tick(age_level::pressure));
  EXPECT_EQ(small.held(), small.memory.statistics().in_use_bytes);
  EXPECT_EQ(small.memory.statistics().spare_bytes, 0u);
  EXPECT_TRUE(std::all_of(lives, lives + 900, [](unsigned char byte) { return byte == 0x77; }));
  small.round(50 * kib);
  small.memory.trim();
  EXPECT_EQ(small.held(), 1 * kib);
}

TEST(arena, ages_what_a_rewind_leaves) {
  small_arena small;
  static_cast<void>(small.memory.allocate(16));
  for (int i = 0; i < 40; ++i) {
    const arena::mark_t mark = small.memory.mark();
    small.use(i == 0 ? 50 * kib : 2 * kib);
    small.memory.rewind(mark);
  }
  small.clock.tick();
  small.clock.tick();
  EXPECT_LT(small.held(), 8 * kib);
}

TEST(arena, gives_superfluous_blocks_back_at_reset_when_it_has_no_clock) {
  statistics_resource upstream;
  arena memory({.first_block = 1 * kib, .max_block = 4 * kib, .upstream = &upstream, .clock = nullptr});
  static_cast<void>(memory.allocate(50 * kib));
  memory.reset();
  EXPECT_GT(upstream.snapshot().live_bytes, 50 * kib);
  for (int i = 0; i < 40; ++i) {
    static_cast<void>(memory.allocate(100));
    memory.reset();
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 1 * kib);
}

TEST(arena, spends_no_large_spare_block_on_small_requests) {
  small_arena small;
  static_cast<void>(small.memory.allocate(100 * kib));
  small.memory.reset();
  static_cast<void>(small.memory.allocate(100));
  EXPECT_EQ(small.memory.statistics().in_use_bytes, 1 * kib);
  const std::uint64_t asked = small.asked();
  static_cast<void>(small.memory.allocate(90 * kib));  // is what it was kept for
  EXPECT_EQ(small.asked(), asked);
}

TEST(arena, passes_over_spare_blocks_that_are_too_small) {
  small_arena small;
  small.round(50 * kib);  // leaves blocks of 2 and 4 KiB
  static_cast<void>(small.memory.allocate(3 * kib));
  EXPECT_EQ(small.memory.statistics().in_use_bytes, 5 * kib);
  static_cast<void>(small.memory.allocate(1500));
  EXPECT_EQ(small.memory.statistics().in_use_bytes, 7 * kib);  // the one of 2 is the next
}

TEST(arena, tells_its_numbers) {
  small_arena small;
  EXPECT_EQ(small.memory.used_bytes(), 0u);
  small.use(5 * kib);
  EXPECT_EQ(small.memory.used_bytes(), 5 * kib);
  EXPECT_EQ(small.memory.statistics().in_use_bytes, 7 * kib);
  EXPECT_EQ(small.memory.statistics().spare_bytes, 0u);
  small.memory.reset();
  const cistern::arena_statistics after = small.memory.statistics();
  EXPECT_EQ(after.in_use_bytes, 1 * kib);
  EXPECT_EQ(after.spare_bytes, 6 * kib);
  EXPECT_EQ(after.justified_bytes, 7 * kib);
  EXPECT_EQ(after.peak_bytes, 7 * kib);
}

// ---- failure

TEST(arena, loses_nothing_when_the_upstream_has_nothing) {
  cistern::fail_nth_resource failing(std::pmr::new_delete_resource());
  small_arena small(&failing);
  auto* const lives = static_cast<unsigned char*>(small.memory.allocate(512));
  std::memset(lives, 0x42, 512);
  const std::size_t used = small.memory.used_bytes();
  failing.fail_next(1, cistern::failure_mode::persistent);
  for (const std::size_t bytes : {600 * std::size_t{1}, 100 * kib})
    EXPECT_THROW(static_cast<void>(small.memory.allocate(bytes)), std::bad_alloc);
  EXPECT_EQ(small.memory.used_bytes(), used);
  static_cast<void>(small.memory.allocate(400));  // there is still room
  EXPECT_TRUE(std::all_of(lives, lives + 512, [](unsigned char byte) { return byte == 0x42; }));
  failing.fail_next(0);
  small.use(10 * kib);
}

TEST(arena, takes_any_spare_block_that_fits_before_it_fails) {
  cistern::fail_nth_resource failing(std::pmr::new_delete_resource());
  small_arena small(&failing);
  static_cast<void>(small.memory.allocate(100 * kib));
  small.memory.reset();
  failing.fail_next(1, cistern::failure_mode::persistent);
  static_cast<void>(small.memory.allocate(100));
  EXPECT_GT(small.memory.statistics().in_use_bytes, 100 * kib);
  EXPECT_EQ(failing.failures(), 1u);
}

TEST(arena, gives_everything_back_whichever_allocation_fails) {
  cistern::contracts::every_allocation("arena", [](std::pmr::memory_resource& memory) {
    small_arena small(&memory);
    for (int round = 0; round < 3; ++round) {
      const arena::mark_t mark = small.memory.mark();
      small.use(20 * kib);
      static_cast<void>(small.memory.allocate(30 * kib));
      small.memory.rewind(mark);
      small.use(3 * kib);
      small.memory.reset();
      small.clock.tick();
    }
  });
}

// ---- threads

TEST(arena, may_be_aged_and_counted_by_others_while_it_is_used) {
  small_arena small;
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (int i = 0; !stop.load(std::memory_order_relaxed); ++i) {
      small.clock.tick(i % 8 == 0 ? age_level::pressure : age_level::tick);
      EXPECT_LE(small.memory.statistics().in_use_bytes, 100 * kib);
    }
  });
  for (int round = 0; round < 2000; ++round) {
    const arena::mark_t mark = small.memory.mark();
    small.use(static_cast<std::size_t>(round) % 20 * kib);
    small.memory.rewind(mark);
    small.use(static_cast<std::size_t>(round) % 7 * kib);
    if (round % 3 == 0) small.memory.reset();
    if (round % 50 == 0) small.memory.trim();
    if (round % 10 == 0) small.memory.reset();
  }
  stop.store(true, std::memory_order_relaxed);
  other.join();
}

TEST(arena, gets_smaller_by_itself) {
  statistics_resource upstream;
  arena memory({.first_block = 1 * kib, .upstream = &upstream});
  background_reclaimer::set_period(std::chrono::milliseconds(2));
  static_cast<void>(memory.allocate(50 * kib));
  memory.reset();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (upstream.snapshot().live_bytes != 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
  background_reclaimer::set_period(std::chrono::seconds(1));
}

TEST(arena, goes_on_in_the_child_of_a_fork_while_others_tick) {
  small_arena small(&cistern::backend("pages"));  // which needs no lock of a sanitizer
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load(std::memory_order_relaxed)) small.clock.tick();
  });
  for (int i = 0; i < 20; ++i) {
    small.round(50 * kib);
    const int status = cistern::contracts::detail::in_child([&] {
      for (int round = 0; round < 3; ++round) {
        small.round(50 * kib);
        small.memory.trim();
      }
      const cistern::arena_statistics left = small.memory.statistics();
      return left.in_use_bytes == 1 * kib && left.spare_bytes == 0 ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << "child " << i << (status == -SIGALRM ? " hung" : "");
    if (status != 0) break;
  }
  stop.store(true, std::memory_order_relaxed);
  other.join();
}

}  // namespace
