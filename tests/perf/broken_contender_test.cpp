// SPDX-License-Identifier: MIT
//
// Contenders that are wrong on purpose: what a check cannot find it does not check.
#include <workloads/bind.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace cistern::perf;
using testing::HasSubstr;
using testing::IsEmpty;

struct malloc_memory {
  template <class Contender>
  explicit malloc_memory(Contender&) {}
  void* allocate(std::size_t bytes) { return std::malloc(bytes); }
  void deallocate(void* block, std::size_t) { std::free(block); }
};

template <class Memory>
struct contender_with {
  static constexpr abilities can{};
  using memory = Memory;
  explicit contender_with(const parameters&) {}
  void trim() {}
};

// Every tenth block begins in the middle of the one before.
struct overlapping_memory : malloc_memory {
  using malloc_memory::malloc_memory;
  void* allocate(std::size_t bytes) {
    if (++calls_ % 10 == 0 && last_ != nullptr) return inside_ = static_cast<char*>(last_) + bytes / 2 / 16 * 16;
    return last_ = malloc_memory::allocate(bytes + bytes);
  }
  void deallocate(void* block, std::size_t bytes) {
    if (block != inside_) malloc_memory::deallocate(block, bytes);
  }

 private:
  unsigned calls_ = 0;
  void* last_ = nullptr;
  void* inside_ = nullptr;
};

// Keeps a note in the last byte of the block that it gave before.
struct scribbling_memory : malloc_memory {
  using malloc_memory::malloc_memory;
  void* allocate(std::size_t bytes) {
    if (last_ != nullptr) last_[last_bytes_ - 1] = static_cast<unsigned char>(last_[last_bytes_ - 1] + 1);
    last_ = static_cast<unsigned char*>(malloc_memory::allocate(bytes));
    last_bytes_ = bytes;
    return last_;
  }
  void deallocate(void* block, std::size_t bytes) {
    if (block == last_) last_ = nullptr;
    malloc_memory::deallocate(block, bytes);
  }

 private:
  unsigned char* last_ = nullptr;
  std::size_t last_bytes_ = 0;
};

struct crooked_memory : malloc_memory {
  using malloc_memory::malloc_memory;
  void* allocate(std::size_t bytes) { return static_cast<char*>(malloc_memory::allocate(bytes + 8)) + 8; }
  void deallocate(void* block, std::size_t bytes) { malloc_memory::deallocate(static_cast<char*>(block) - 8, bytes); }
};

struct exhausted_memory : malloc_memory {
  using malloc_memory::malloc_memory;
  void* allocate(std::size_t bytes) { return ++calls_ < 100 ? malloc_memory::allocate(bytes) : nullptr; }

 private:
  unsigned calls_ = 0;
};

template <class Memory>
cell_result run_with(bool verify, const char* workload = "batch/64/fifo") {
  struct registration {
    registration() { add<contender_with<Memory>>({"on-purpose", "allocator", "for tests", ""}); }
    ~registration() { remove_contender("on-purpose"); }
  } registered;
  cell_request request;
  request.workload = workload;
  request.contender = "on-purpose";
  request.budget = std::chrono::milliseconds(1);
  request.scale = 0.1;
  request.verify = verify;
  return run_cell(request);
}

template <class Memory>
std::string verdict_on(const char* workload = "batch/64/fifo") {
  try {
    run_with<Memory>(true, workload);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

TEST(verify, has_nothing_to_say_against_malloc) { EXPECT_THAT(verdict_on<malloc_memory>(), IsEmpty()); }

TEST(verify, finds_blocks_that_overlap) {
  EXPECT_THAT(verdict_on<overlapping_memory>(), HasSubstr("overlaps a live one"));
}

TEST(verify, finds_an_allocator_that_writes_into_live_blocks) {
  EXPECT_THAT(verdict_on<scribbling_memory>(), HasSubstr("was written to while live"));
}

TEST(verify, finds_blocks_that_are_not_aligned) {
  EXPECT_THAT(verdict_on<crooked_memory>(), HasSubstr("is not aligned to 16"));
}

TEST(verify, names_the_contender_and_the_workload) {
  EXPECT_THAT(verdict_on<crooked_memory>("slots"), HasSubstr("on-purpose in slots: a block of "));
}

TEST(exhaustion_DeathTest, ends_the_process_with_one_line) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_with<exhausted_memory>(false), testing::ExitedWithCode(1),
              "cistern: the cell cannot go on: batch/64/fifo, thread 0: std::bad_alloc");
}

}  // namespace
