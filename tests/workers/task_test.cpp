// SPDX-License-Identifier: MIT
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/task.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using cistern::task;
using cistern::detail::task_memory;
using testing::EndsWith;

std::uint64_t blocks_taken() { return task_memory().statistics().gets; }
std::uint64_t blocks_out() { return task_memory().statistics().live; }

TEST(task, calls_its_callable_once_and_is_empty_then) {
  int calls = 0;
  task work([&] { ++calls; });
  EXPECT_TRUE(work);
  work();
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(work);
}

TEST(task, destroys_its_callable_after_the_call_and_without_one) {
  const auto witness = std::make_shared<int>(0);
  task work([witness] { EXPECT_EQ(witness.use_count(), 2); });
  work();
  EXPECT_EQ(witness.use_count(), 1);
  {
    const task uncalled([witness] {});
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(task, is_empty_after_a_call_that_throws_and_has_destroyed_its_callable) {
  const auto witness = std::make_shared<int>(0);
  for (const bool large : {false, true}) {
    std::array<char, 100> ballast{};
    task work = large ? task([witness, ballast] { throw std::runtime_error(std::string(1, ballast[0])); })
                      : task([witness] { throw std::runtime_error("small"); });
    EXPECT_THROW(work(), std::runtime_error);
    EXPECT_FALSE(work);
    EXPECT_EQ(witness.use_count(), 1);
  }
}

TEST(task, takes_a_move_only_callable_and_moves_with_it) {
  auto number = std::make_unique<int>(7);
  int seen = 0;
  task first([number = std::move(number), &seen] { seen = *number; });
  task second(std::move(first));
  EXPECT_FALSE(first);
  task third;
  third = std::move(second);
  EXPECT_FALSE(second);
  third();
  EXPECT_EQ(seen, 7);
}

TEST(task, drops_what_it_has_when_another_is_moved_into_it) {
  const auto witness = std::make_shared<int>(0);
  task work([witness] {});
  work = task([] {});
  EXPECT_EQ(witness.use_count(), 1);
  task& same = work;
  work = std::move(same);
  EXPECT_TRUE(work);
}

TEST(task, has_a_capture_of_48_bytes_in_itself_and_a_larger_one_in_a_block) {
  struct small {
    std::array<char, task::inline_bytes> bytes;
    void operator()() const {}
  };
  struct large {
    std::array<char, task::inline_bytes + 1> bytes;
    void operator()() const {}
  };
  static_assert(sizeof(task) == 64);
  const std::uint64_t before = blocks_taken(), out = blocks_out();
  task in_itself(small{});
  EXPECT_EQ(blocks_taken(), before);
  {
    task in_a_block(large{});
    EXPECT_EQ(blocks_taken(), before + 1);
    task moved(std::move(in_a_block));
    EXPECT_EQ(blocks_taken(), before + 1);
    moved();
    EXPECT_EQ(blocks_out(), out);
    const task uncalled(large{});
  }
  EXPECT_EQ(blocks_out(), out);
}

TEST(task, has_what_throws_as_it_is_moved_in_a_block) {
  struct reluctant {
    reluctant() = default;
    reluctant(const reluctant&) = default;
    reluctant(reluctant&&) noexcept(false) {}
    void operator()() const {}
  };
  const std::uint64_t before = blocks_taken();
  task work{reluctant()};
  EXPECT_EQ(blocks_taken(), before + 1);
}

TEST(task, aligns_its_callable) {
  struct alignas(64) wide {
    std::uintptr_t* at;
    void operator()() const { *at = reinterpret_cast<std::uintptr_t>(this); }
  };
  struct alignas(16) half {
    std::uintptr_t* at;
    void operator()() const { *at = reinterpret_cast<std::uintptr_t>(this); }
  };
  std::uintptr_t at = 1;
  task(wide{&at})();
  EXPECT_EQ(at % 64, 0u);
  at = 1;
  task(half{&at})();
  EXPECT_EQ(at % 16, 0u);
}

TEST(task, refuses_what_cannot_be_called) {
  EXPECT_THROW(static_cast<void>(task(std::function<void()>())), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(task(static_cast<void (*)()>(nullptr))), std::invalid_argument);
}

TEST(task, leaves_a_callable_that_cannot_be_copied_as_it_was) {
  struct unwilling {
    std::shared_ptr<int> witness;
    explicit unwilling(std::shared_ptr<int> of) : witness(std::move(of)) {}
    unwilling(const unwilling&) { throw std::runtime_error("not now"); }
    void operator()() const {}
  };
  const std::uint64_t out = blocks_out();
  const unwilling callable(std::make_shared<int>(0));
  EXPECT_THROW(static_cast<void>(task(callable)), std::runtime_error);
  EXPECT_EQ(callable.witness.use_count(), 1);
  EXPECT_EQ(blocks_out(), out);
}

TEST(task, discards_what_its_callable_returns) {
  int calls = 0;
  task work([&] { return ++calls; });
  work();
  EXPECT_EQ(calls, 1);
}

TEST(task, remembers_where_it_was_made) {
  const task work([] {});
  const unsigned line = __LINE__ - 1;
  EXPECT_EQ(work.site().line, line);
  EXPECT_THAT(work.site().file, EndsWith("task_test.cpp"));
  EXPECT_EQ(task().site().line, 0u);
}

}  // namespace
