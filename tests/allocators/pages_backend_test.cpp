// SPDX-License-Identifier: MIT
#include <cistern/allocators/pages_backend.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using cistern::page_policy;
using cistern::pages_backend;

constexpr std::size_t MiB = 1 << 20;
constexpr pages_backend normal(page_policy::normal), transparent(page_policy::transparent_huge),
    explicitly(page_policy::explicit_huge);

std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::size_t live(pages_backend backend) { return backend.statistics().live_bytes.value(); }

bool is_mapped(const void* address) {
  unsigned char resident = 0;
  return mincore(const_cast<void*>(address), 1, &resident) == 0 || errno != ENOMEM;
}

// A number of the system's, in kB or in pages, as /proc/meminfo has it.
long meminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;)
    if (word == key + ":") {
      long value = 0;
      file >> value;
      return value;
    }
  return -1;
}

// The flags of the mapping that holds the address, two letters each, as /proc/self/smaps has them.
std::string flags_at(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  bool within = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2)
      within = from <= reinterpret_cast<std::uintptr_t>(address) && reinterpret_cast<std::uintptr_t>(address) < to;
    else if (within && line.starts_with("VmFlags:"))
      return line + " ";
  }
  return {};
}

TEST(pages_backend, gives_whole_pages_of_zeroes) {
  auto* const block = static_cast<unsigned char*>(normal.allocate(1, 1));
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % page(), 0u);
  EXPECT_EQ(normal.good_size(1), page());
  EXPECT_EQ(normal.good_size(page() + 1), 2 * page());
  for (std::size_t i = 0; i < page(); ++i) ASSERT_EQ(block[i], 0);
  normal.deallocate(block, 1, 1);
}

TEST(pages_backend, unmaps_what_it_mapped_for_every_size_and_alignment) {
  for (const pages_backend backend : {normal, transparent, explicitly}) {
    const std::size_t before = live(backend);
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, page(), 2 * MiB - 1, 2 * MiB, 3 * MiB + 1})
      for (std::size_t alignment = 1; alignment <= 64 * MiB; alignment *= 8) {
        auto* const block = static_cast<char*>(backend.allocate(bytes, alignment));
        ASSERT_NE(block, nullptr);
        const std::size_t length = live(backend) - before;
        EXPECT_EQ(length, backend.good_size(bytes));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u);
        block[0] = block[length - 1] = 1;
        backend.deallocate(block, bytes, alignment);
        EXPECT_FALSE(is_mapped(block)) << bytes << " aligned to " << alignment;
        EXPECT_FALSE(is_mapped(block + length - page())) << bytes << " aligned to " << alignment;
        EXPECT_EQ(live(backend), before);
      }
  }
}

TEST(pages_backend, leaves_no_address_space_behind) {
  const auto mapped_pages = [] {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages;
  };
  for (const pages_backend backend : {normal, transparent, explicitly}) {
    const std::size_t before = mapped_pages();
    std::vector<void*> blocks;  // what is cut off at their ends would add up
    for (int i = 0; i < 20; ++i) blocks.push_back(backend.allocate(3 * MiB, 8 * MiB));
    for (void* block : blocks) backend.deallocate(block, 3 * MiB, 8 * MiB);
    EXPECT_LT(mapped_pages(), before + 16 * MiB / page());
  }
}

TEST(pages_backend, gives_nullptr_where_rounding_up_would_overflow) {
  for (const pages_backend backend : {normal, transparent, explicitly})
    for (const std::size_t less : {std::size_t{0}, std::size_t{1}, page() - 1, page(), 2 * MiB - 1, 2 * MiB}) {
      EXPECT_EQ(backend.allocate(SIZE_MAX - less, 1), nullptr);
      EXPECT_EQ(backend.allocate(SIZE_MAX - less, 2 * MiB), nullptr);
    }
  EXPECT_EQ(normal.allocate(page(), std::size_t{1} << 63), nullptr);
  EXPECT_EQ(normal.good_size(SIZE_MAX), SIZE_MAX);
}

TEST(pages_backend, shrinks_in_place_and_gives_the_rest_back) {
  for (const pages_backend backend : {normal, transparent}) {
    const std::size_t before = live(backend);
    auto* const block = static_cast<char*>(backend.allocate(4 * MiB, 8));
    std::memset(block, 1, 4 * MiB);
    ASSERT_TRUE(backend.try_resize(block, 4 * MiB, 1 * MiB, 8));
    EXPECT_TRUE(is_mapped(block + MiB - 1));
    EXPECT_FALSE(is_mapped(block + MiB));
    EXPECT_EQ(live(backend), before + MiB);
    EXPECT_EQ(block[MiB - 1], 1);
    backend.deallocate(block, 1 * MiB, 8);
    EXPECT_EQ(live(backend), before);
  }
}

TEST(pages_backend, grows_in_place_where_addresses_are_free_and_nowhere_else) {
  const std::size_t before = live(normal);
  auto* const block = static_cast<char*>(normal.allocate(4 * MiB, 8));
  ASSERT_TRUE(normal.try_resize(block, 4 * MiB, 1 * MiB, 8));
  EXPECT_TRUE(normal.try_resize(block, 1 * MiB, 2 * MiB, 8));  // into what was just given back
  block[2 * MiB - 1] = 1;
  EXPECT_EQ(live(normal), before + 2 * MiB);

  void* const wall = mmap(block + 3 * MiB, page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  ASSERT_NE(wall, MAP_FAILED);
  EXPECT_FALSE(normal.try_resize(block, 2 * MiB, 4 * MiB, 8));
  EXPECT_EQ(live(normal), before + 2 * MiB);
  munmap(wall, page());
  normal.deallocate(block, 2 * MiB, 8);
  EXPECT_EQ(live(normal), before);
}

TEST(pages_backend, advises_huge_pages_for_large_blocks_of_the_transparent_policy_only) {
  for (const pages_backend backend : {normal, transparent})
    for (const std::size_t bytes : {1 * MiB, 8 * MiB}) {
      void* const block = backend.allocate(bytes, 8);
      const bool wanted = backend == transparent && bytes >= 2 * MiB;
      EXPECT_TRUE(!wanted || reinterpret_cast<std::uintptr_t>(block) % (2 * MiB) == 0) << bytes;
      const bool advised = flags_at(block).find(" hg ") != std::string::npos;
      EXPECT_EQ(advised, wanted && transparent.fallbacks() == 0) << bytes;  // a kernel may not know huge pages
      backend.deallocate(block, bytes, 8);
    }
  EXPECT_EQ(normal.fallbacks(), 0u);
}

TEST(pages_backend, takes_explicit_huge_pages_or_counts_the_fallback) {
  const std::size_t before = explicitly.fallbacks();
  const bool pool_has_some = meminfo("HugePages_Free") - meminfo("HugePages_Rsvd") > 0;
  void* const block = explicitly.allocate(1 * MiB + 1, 8);  // too small to ask
  EXPECT_EQ(explicitly.fallbacks(), before);
  explicitly.deallocate(block, 1 * MiB + 1, 8);

  auto* const huge = static_cast<char*>(explicitly.allocate(2 * MiB, 8));
  ASSERT_NE(huge, nullptr);
  huge[0] = huge[2 * MiB - 1] = 1;
  EXPECT_EQ(explicitly.fallbacks(), before + (pool_has_some ? 0 : 1));
  EXPECT_EQ(flags_at(huge).find(" ht ") != std::string::npos, pool_has_some);
  EXPECT_FALSE(explicitly.try_resize(huge, 2 * MiB, 1 * MiB, 8));  // the same in both cases
  explicitly.deallocate(huge, 2 * MiB, 8);
  EXPECT_FALSE(is_mapped(huge));
}

TEST(pages_backend, tells_its_policy_by_name_and_by_equality) {
  EXPECT_EQ(normal.name(), "pages");
  EXPECT_EQ(transparent.name(), "pages-thp");
  EXPECT_EQ(explicitly.name(), "pages-huge");
  EXPECT_NE(normal, transparent);
  EXPECT_EQ(pages_backend(), normal);
}

}  // namespace
