// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/resource_backend.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <memory_resource>
#include <stdexcept>

#include <gtest/gtest.h>

namespace {

using cistern::resource_backend;

const cistern::contracts::memory_resource_contract new_delete{{
    .name = "resource_backend_over_new_delete",
    .make =
        [] {
          return std::make_unique<cistern::basic_backend_resource<resource_backend>>(
              resource_backend(std::pmr::new_delete_resource()));
        },
    .from_operator_new = true,
}};

// Notes what it was asked for last, and fails as it is told.
class noting_resource final : public std::pmr::memory_resource {
 public:
  std::size_t bytes = 0, alignment = 0, frees = 0;
  bool fails = false;

 private:
  void* do_allocate(std::size_t wanted, std::size_t alignment_wanted) override {
    if (fails) throw std::logic_error("not bad_alloc");
    bytes = wanted;
    alignment = alignment_wanted;
    return std::pmr::new_delete_resource()->allocate(wanted, alignment_wanted);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment_given) override {
    ++frees;
    bytes = size;
    std::pmr::new_delete_resource()->deallocate(block, size, alignment_given);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(resource_backend, passes_sizes_and_alignments_on) {
  noting_resource resource;
  const resource_backend backend(&resource);
  void* const block = backend.allocate(100, 64);
  EXPECT_EQ(resource.bytes, 100u);
  EXPECT_EQ(resource.alignment, 64u);
  backend.deallocate(block, 100, 64);
  EXPECT_EQ(resource.frees, 1u);
}

TEST(resource_backend, asks_for_one_byte_when_asked_for_none_and_frees_as_much) {
  noting_resource resource;
  const resource_backend backend(&resource);
  void* const block = backend.allocate(0, 8);
  EXPECT_EQ(resource.bytes, 1u);
  resource.bytes = 0;
  backend.deallocate(block, 0, 8);
  EXPECT_EQ(resource.bytes, 1u);
}

TEST(resource_backend, turns_any_exception_into_nullptr) {
  noting_resource resource;
  resource.fails = true;
  EXPECT_EQ(resource_backend(&resource).allocate(100, 8), nullptr);
}

TEST(resource_backend, does_not_trouble_the_resource_with_a_null_pointer) {
  noting_resource resource;
  resource_backend(&resource).deallocate(nullptr, 100, 8);
  EXPECT_EQ(resource.frees, 0u);
}

TEST(resource_backend, is_equal_when_its_resources_are) {
  noting_resource one, other;
  EXPECT_EQ(resource_backend(&one), resource_backend(&one));
  EXPECT_NE(resource_backend(&one), resource_backend(&other));
}

TEST(backend_resource, is_equal_to_another_over_an_equal_backend_only) {
  noting_resource one, other;
  const cistern::basic_backend_resource<cistern::system_backend> system, system_again;
  const cistern::basic_backend_resource<resource_backend> over_one(resource_backend{&one}),
      over_one_again(resource_backend{&one}), over_other(resource_backend{&other});
  EXPECT_TRUE(system.is_equal(system_again));
  EXPECT_TRUE(over_one.is_equal(over_one_again));
  EXPECT_FALSE(over_one.is_equal(over_other));
  EXPECT_FALSE(over_one.is_equal(system));
}

}  // namespace
