// SPDX-License-Identifier: MIT
//
// What all backends have in common, whichever are present: the contract of memory resources through the registry's
// bridges, and what memory_backend says beyond it, on the concrete types.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>
#include <cistern/allocators/mimalloc_backend.hpp>
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/allocators/resource_backend.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <cistern/allocators/tbb_backend.hpp>
#include <cistern/allocators/tcmalloc_backend.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::contracts::borrowed_resource;
using cistern::contracts::memory_resource_case;
using cistern::contracts::memory_resource_contract;

std::string identifier(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '-', '_');
  return text;
}

memory_resource_case case_of(cistern::backend_resource& backend) {
  return {.name = identifier(backend.name()),
          .make = [&backend] { return std::make_unique<borrowed_resource>(backend); },
          .fork_safe = backend.name() != "tbb"};  // it has no fork handlers, and says so
}

// A backend as a resource, that as a backend, and that as a resource again.
memory_resource_case round_trip_of(cistern::backend_resource& backend) {
  memory_resource_case the = case_of(backend);
  the.name += "_round_trip";
  the.make = [&backend] {
    return std::make_unique<cistern::basic_backend_resource<cistern::resource_backend>>(
        cistern::resource_backend(&backend));
  };
  return the;
}

const std::vector<memory_resource_contract> contracts = [] {
  std::vector<memory_resource_contract> all;
  for (cistern::backend_resource* backend : cistern::backends()) {
    all.emplace_back(case_of(*backend));
    all.emplace_back(round_trip_of(*backend));
  }
  return all;
}();

template <class Backend>
class backend : public ::testing::Test {};

using concrete_backends = ::testing::Types<cistern::system_backend, cistern::pages_backend, cistern::resource_backend
#if CISTERN_WITH_JEMALLOC
                                           ,
                                           cistern::jemalloc_backend
#endif
#if CISTERN_WITH_MIMALLOC
                                           ,
                                           cistern::mimalloc_backend
#endif
#if CISTERN_WITH_TCMALLOC
                                           ,
                                           cistern::tcmalloc_backend
#endif
#if CISTERN_WITH_TBB
                                           ,
                                           cistern::tbb_backend
#endif
                                           >;

struct name_of_backend {
  template <class Backend>
  static std::string GetName(int) {
    return identifier(Backend{}.name());
  }
};

TYPED_TEST_SUITE(backend, concrete_backends, name_of_backend);

constexpr std::size_t sizes[] = {1, 7, 8, 9, 16, 24, 63, 64, 100, 1000, 4096, 5000, 40'000, 300'000, 1 << 20, 5 << 20};

TYPED_TEST(backend, gives_nullptr_for_what_cannot_be) {
  const TypeParam the{};
  volatile std::size_t most = SIZE_MAX;
  for (const std::size_t alignment : {std::size_t{1}, std::size_t{16}, std::size_t{64}, std::size_t{2} << 20})
    for (const std::size_t bytes : {most + 0, most - 1, most - 4095, most - (std::size_t{2} << 20), most / 2 + 1})
      EXPECT_EQ(the.allocate(bytes, alignment), nullptr) << bytes << " bytes aligned to " << alignment;
}

TYPED_TEST(backend, ignores_a_null_pointer) {
  const TypeParam the{};
  for (const std::size_t alignment : {std::size_t{1}, std::size_t{64}, std::size_t{4096}})
    the.deallocate(nullptr, 100, alignment);
}

TYPED_TEST(backend, gives_a_block_or_nullptr_for_an_alignment_that_is_no_power_of_two) {
  // new_delete_resource, under the bridge, leaves this undefined.
  if (std::is_same_v<TypeParam, cistern::resource_backend>) GTEST_SKIP() << "passes it on";
  const TypeParam the{};
  for (const std::size_t alignment : {std::size_t{0}, std::size_t{3}, std::size_t{24}, std::size_t{4097}, SIZE_MAX})
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
      void* const block = the.allocate(bytes, alignment);
      if (block != nullptr) std::memset(block, 1, bytes);
      the.deallocate(block, bytes, alignment);
    }
}

TYPED_TEST(backend, aligns_the_smallest_blocks_as_it_was_asked) {
  const TypeParam the{};
  for (const std::size_t alignment : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{8}, std::size_t{16}})
    for (std::size_t bytes = 0; bytes <= 40; ++bytes) {
      std::vector<void*> held;  // several: the first of a class may be aligned by chance
      for (int i = 0; i < 5; ++i) {
        held.push_back(the.allocate(bytes, alignment));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(held.back()) % alignment, 0u) << bytes << " to " << alignment;
      }
      for (void* block : held) the.deallocate(block, bytes, alignment);
    }
}

TYPED_TEST(backend, promises_no_size_that_a_block_does_not_have) {
  const TypeParam the{};
  for (const std::size_t bytes : sizes) {
    const std::size_t good = the.good_size(bytes);
    EXPECT_GE(good, bytes);
    EXPECT_EQ(the.good_size(good), good);
    auto* const block = static_cast<char*>(the.allocate(bytes, 8));
    const std::size_t usable = the.usable_size(block);
    EXPECT_TRUE(usable == 0 || usable >= good) << bytes << ": good " << good << ", usable " << usable;
    block[0] = block[std::max(usable, bytes) - 1] = 1;
    the.deallocate(block, bytes, 8);
  }
  volatile std::size_t most = SIZE_MAX;
  EXPECT_EQ(the.good_size(most), SIZE_MAX);
}

// Marks both ends: the middle of a large block tells nothing more.
constexpr std::size_t end_bytes = 64;

void mark(unsigned char* block, std::size_t bytes, unsigned char with) {
  std::fill_n(block, std::min(bytes, end_bytes), with);
  std::fill_n(block + bytes - std::min(bytes, end_bytes), std::min(bytes, end_bytes), with);
}

bool is_marked(const unsigned char* block, std::size_t bytes, unsigned char with) {
  const auto holds = [with](unsigned char byte) { return byte == with; };
  return std::all_of(block, block + std::min(bytes, end_bytes), holds) &&
         std::all_of(block + bytes - std::min(bytes, end_bytes), block + bytes, holds);
}

TYPED_TEST(backend, resizes_in_place_or_changes_nothing) {
  const TypeParam the{};
  for (const std::size_t alignment : {std::size_t{1}, std::size_t{16}, std::size_t{64}, std::size_t{8192}})
    for (const std::size_t from : sizes)
      for (const std::size_t to : sizes) {
        auto* const block = static_cast<unsigned char*>(the.allocate(from, alignment));
        auto* const neighbour = static_cast<unsigned char*>(the.allocate(from, alignment));
        ASSERT_TRUE(block != nullptr && neighbour != nullptr);
        mark(block, from, 1);
        mark(neighbour, from, 2);
        const std::size_t size = the.try_resize(block, from, to, alignment) ? to : from;
        EXPECT_TRUE(is_marked(block, std::min({from, size, end_bytes}), 1));
        mark(block, size, 3);
        EXPECT_TRUE(is_marked(neighbour, from, 2)) << from << " to " << to << " aligned to " << alignment;
        the.deallocate(block, size, alignment);
        the.deallocate(neighbour, from, alignment);
      }
  void* const block = the.allocate(100, 16);
  EXPECT_TRUE(the.try_resize(block, 100, 100, 16));
  EXPECT_FALSE(the.try_resize(block, 100, SIZE_MAX, 16));
  EXPECT_FALSE(the.try_resize(block, 100, SIZE_MAX / 2, 16));
  the.deallocate(block, 100, 16);
}

TYPED_TEST(backend, counts_what_is_allocated_where_it_counts) {
  const TypeParam the{};
  const auto before = the.statistics();
  std::vector<void*> held;
  for (int i = 0; i < 1000; ++i) held.push_back(the.allocate(10'000, 8));
  const auto with = the.statistics();
  for (void* block : held) the.deallocate(block, 10'000, 8);
  the.trim();
  const auto after = the.statistics();
  if (before.live_bytes) {
    EXPECT_GE(*with.live_bytes, *before.live_bytes + 10'000'000);
    EXPECT_LT(*after.live_bytes, *with.live_bytes - 9'000'000);
  }
  if (before.mapped_bytes && before.live_bytes) {
    EXPECT_GE(*with.mapped_bytes, *with.live_bytes);
  }
  if (before.resident_bytes) {
    EXPECT_GT(*with.resident_bytes, 0u);
  }
}

std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::size_t>(getpagesize());
}

TYPED_TEST(backend, gives_free_memory_back_when_trimmed) {
#if CISTERN_CONTRACT_ASAN || CISTERN_TSAN
  GTEST_SKIP() << "a sanitizer keeps freed memory, and shadows of it";
#endif
  if (std::is_same_v<TypeParam, cistern::resource_backend>) GTEST_SKIP() << "a memory_resource cannot be told to";
  const TypeParam the{};
  constexpr std::size_t bytes = 16'000, count = 4096;
  std::vector<void*> held;
  for (std::size_t i = 0; i < count; ++i) {
    held.push_back(the.allocate(bytes, 8));
    std::memset(held.back(), 1, bytes);
  }
  const std::size_t full = resident_bytes();
  for (void* block : held) the.deallocate(block, bytes, 8);
  the.trim();
  EXPECT_LT(resident_bytes(), full - bytes * count / 10 * 9);
}

// Under ctest each test is a process of its own, so that this is the first call there.
TYPED_TEST(backend, may_be_trimmed_and_asked_before_it_has_served_anything) {
  const TypeParam the{};
  the.trim();
  (void)the.statistics();
  std::thread([&] { the.trim(); }).join();
  void* const block = the.allocate(64, 8);
  EXPECT_NE(block, nullptr);
  the.deallocate(block, 64, 8);
}

TYPED_TEST(backend, equals_its_like_and_has_a_name) {
  EXPECT_EQ(TypeParam{}, TypeParam{});
  EXPECT_FALSE(TypeParam{}.name().empty());
}

// A sized free needs the class of the size that it is told. (Blocks of larger alignment are freed without a size.)
template <class Backend>
void keeps_to_the_class_of_its_size() {
  const Backend the{};
  int resized = 0;
  for (const std::size_t from : sizes)
    for (const std::size_t to : sizes) {
      void* const block = the.allocate(from, 16);
      const bool done = the.try_resize(block, from, to, 16);
      if (done) {
        EXPECT_EQ(the.usable_size(block), the.good_size(std::max(to, std::size_t{16}))) << from << " to " << to;
      }
      resized += done ? 1 : 0;
      the.deallocate(block, done ? to : from, 16);
    }
  EXPECT_GT(resized, static_cast<int>(std::size(sizes)));  // not only those to the same size
}

#if CISTERN_WITH_JEMALLOC
TEST(jemalloc_backend, keeps_to_the_class_of_its_size) { keeps_to_the_class_of_its_size<cistern::jemalloc_backend>(); }
#endif
#if CISTERN_WITH_TCMALLOC
TEST(tcmalloc_backend, keeps_to_the_class_of_its_size) { keeps_to_the_class_of_its_size<cistern::tcmalloc_backend>(); }
#endif

}  // namespace
