// SPDX-License-Identifier: MIT
#include <cistern/allocators/arena_scope.hpp>

#include <cstddef>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::arena;
using cistern::arena_scope;

TEST(arena_scope, takes_back_what_was_allocated_in_it) {
  arena memory;
  static_cast<void>(memory.allocate(100));
  const std::size_t before = memory.used_bytes();
  {
    const arena_scope scope(memory);
    EXPECT_EQ(&scope.memory(), &memory);
    std::pmr::vector<std::pmr::string> lines(&scope.memory());
    for (int i = 0; i < 1000; ++i) lines.emplace_back("over several blocks, since it is long");
    EXPECT_GT(memory.used_bytes(), before + 40'000);
  }
  EXPECT_EQ(memory.used_bytes(), before);
}

TEST(arena_scope, nests) {
  arena memory;
  const arena_scope outer(memory);
  auto* const of_outer = static_cast<int*>(memory.allocate(sizeof(int), alignof(int)));
  *of_outer = 42;
  for (int i = 0; i < 3; ++i) {
    const std::size_t before = memory.used_bytes();
    {
      const arena_scope inner(memory);
      *static_cast<int*>(memory.allocate(10'000)) = 7;
    }
    EXPECT_EQ(memory.used_bytes(), before);
  }
  EXPECT_EQ(*of_outer, 42);
}

TEST(arena_scope, ends_with_an_exception) {
  arena memory;
  const auto fail = [&memory] {
    const arena_scope scope(memory);
    static_cast<void>(memory.allocate(10'000));
    throw std::runtime_error("in the scope");
  };
  EXPECT_THROW(fail(), std::runtime_error);
  EXPECT_EQ(memory.used_bytes(), 0u);
}

TEST(arena_scope, ends_the_program_when_its_arena_was_reset_meanwhile) {
  EXPECT_DEATH(
      {
        arena memory;
        static_cast<void>(memory.allocate(100));
        const arena_scope scope(memory);
        memory.reset();
      },
      "cistern: arena: rewound to a mark that is no longer alive");
}

}  // namespace
