// SPDX-License-Identifier: MIT
//
// This program links every backend that is installed, jemalloc, mimalloc, tcmalloc and TBB among them. None of them may
// have taken its malloc.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/malloc_binding.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CISTERN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CISTERN_SANITIZED 1
#endif
#endif
#ifndef CISTERN_SANITIZED
#define CISTERN_SANITIZED 0
#endif

namespace {

using ::testing::StartsWith;

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename(); }

TEST(malloc_binding, finds_the_standard_libraries_in_a_program_that_links_every_backend) {
  if (CISTERN_SANITIZED) GTEST_SKIP() << "the sanitizer has replaced malloc, as it should";
  EXPECT_THAT(file_name(cistern::malloc_binding().malloc_file), StartsWith("libc.so"));
  EXPECT_THAT(file_name(cistern::malloc_binding().operator_new_file), StartsWith("libstdc++.so"));
  EXPECT_TRUE(cistern::malloc_is_libc());
}

TEST(malloc_binding, names_no_backend_even_under_a_sanitizer) {
  const auto binding = cistern::malloc_binding();
  for (const std::string& file : {file_name(binding.malloc_file), file_name(binding.operator_new_file)})
    for (const char* foreign : {"jemalloc", "mimalloc", "tcmalloc", "tbb", "cistern"})
      EXPECT_EQ(file.find(foreign), std::string::npos) << file;
}

// What the names say is one thing; what a call does is another. glibc's own statistics see what it hands out.
TEST(malloc_binding, has_the_calls_of_this_program_end_in_the_c_library) {
  if (CISTERN_SANITIZED) GTEST_SKIP() << "the sanitizer has replaced malloc, as it should";
  const auto live = [] { return cistern::backend("system").statistics().live_bytes.value(); };
  constexpr std::size_t bytes = 50'000'000;
  const std::size_t start = live();
  void* volatile by_malloc = std::malloc(bytes);
  EXPECT_GE(live(), start + bytes);
  void* volatile by_new = ::operator new(bytes);
  EXPECT_GE(live(), start + 2 * bytes);
  ::operator delete(by_new);
  std::free(by_malloc);
  EXPECT_LT(live(), start + bytes);
}

// The linker may bind a call without asking anybody at run time; each of these must be libc's own address.
TEST(malloc_binding, binds_every_name_of_the_family_to_one_library) {
  if (CISTERN_SANITIZED) GTEST_SKIP() << "the sanitizer has replaced malloc, as it should";
  for (const char* name :
       {"malloc", "free", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign", "malloc_usable_size"}) {
    Dl_info holder{};
    ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, name), &holder), 0) << name;
    EXPECT_THAT(file_name(holder.dli_fname), StartsWith("libc.so")) << name;
  }
}

}  // namespace
