// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/system_backend.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const cistern::backend_resource* resource : cistern::backends()) all.emplace_back(resource->name());
  return all;
}

template <class Function>
std::string complaint_of(Function function) {
  try {
    function();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no complaint";
}

// Runs before main, in whatever order the linker chose, and its destructor after main.
const struct early_user {
  early_user() : vector({1, 2, 3}, &cistern::backend("pages")), seen(names()) {}
  ~early_user() {
    vector.push_back(4);
    if (cistern::find_backend("system") == nullptr) std::abort();
  }
  std::pmr::vector<int> vector;
  std::vector<std::string> seen;
} early;

TEST(backend_registry, is_complete_before_main) { EXPECT_EQ(early.seen, names()); }

TEST(backend_registry, lists_the_system_first_and_the_others_by_name) {
  const std::vector<std::string> all = names();
  EXPECT_EQ(all.front(), "system");
  EXPECT_TRUE(std::is_sorted(all.begin() + 1, all.end()));
  for (const char* name : {"pages", "pages-thp", "pages-huge"}) EXPECT_THAT(all, Contains(name));
}

TEST(backend_registry, knows_the_foreign_backends_that_this_program_links) {
#if CISTERN_WITH_JEMALLOC
  EXPECT_THAT(names(), Contains("jemalloc"));
#endif
#if CISTERN_WITH_MIMALLOC
  EXPECT_THAT(names(), Contains("mimalloc"));
#endif
#if CISTERN_WITH_TCMALLOC
  EXPECT_THAT(names(), Contains("tcmalloc"));
#endif
#if CISTERN_WITH_TBB
  EXPECT_THAT(names(), Contains("tbb"));
#endif
  for (const cistern::backend_resource* resource : cistern::backends())
    EXPECT_EQ(resource->version().empty(), resource->name().starts_with("pages")) << resource->name();
}

TEST(backend_registry, finds_each_by_its_name) {
  for (cistern::backend_resource* resource : cistern::backends()) {
    EXPECT_EQ(&cistern::backend(resource->name()), resource);
    EXPECT_EQ(cistern::find_backend(resource->name()), resource);
  }
}

TEST(backend_registry, answers_an_unknown_name_with_those_present) {
  EXPECT_EQ(cistern::find_backend("jamalloc"), nullptr);
  EXPECT_THAT(complaint_of([] { cistern::backend("jamalloc"); }),
              AllOf(HasSubstr("\"jamalloc\""), HasSubstr("present: system, "), HasSubstr("pages-thp")));
  EXPECT_THAT(complaint_of([] { cistern::backend(""); }), HasSubstr("present: system, "));
}

// default_backend() decides once in a process, so each of these runs in a child. 0 is "as expected".
template <class Body>
int in_child_with(const char* variable, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (variable != nullptr)
      setenv("CISTERN_BACKEND", variable, 1);
    else
      unsetenv("CISTERN_BACKEND");
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST(default_backend, is_what_the_environment_names) {
  const auto is_pages = [] { return &cistern::default_backend() == &cistern::backend("pages"); };
  EXPECT_EQ(in_child_with("pages", is_pages), 0);
}

TEST(default_backend, stays_what_it_was_first) {
  EXPECT_EQ(in_child_with("pages",
                          [] {
                            cistern::default_backend();
                            setenv("CISTERN_BACKEND", "system", 1);
                            return cistern::default_backend().name() == "pages";
                          }),
            0);
}

TEST(default_backend, is_the_builds_own_when_the_environment_is_silent) {
  const auto is_present = [] { return cistern::find_backend(cistern::default_backend().name()) != nullptr; };
  EXPECT_EQ(in_child_with(nullptr, is_present), 0);
  EXPECT_EQ(in_child_with("", is_present), 0);
}

TEST(default_backend, complains_of_the_environment_and_looks_again) {
  EXPECT_EQ(in_child_with("nonsense",
                          [] {
                            const std::string said = complaint_of([] { cistern::default_backend(); });
                            setenv("CISTERN_BACKEND", "system", 1);
                            return said.find("\"nonsense\" (from the environment's CISTERN_BACKEND)") != said.npos &&
                                   cistern::default_backend().name() == "system";
                          }),
            0);
}

struct own_backend : cistern::system_backend {
  static constexpr std::string_view name() noexcept { return "own"; }
};

struct impostor : cistern::system_backend {
  static constexpr std::string_view name() noexcept { return "pages"; }
};

TEST(backend_registration, makes_an_own_backend_known_and_leaves_names_that_are_taken) {
  // Never destroyed: the registry has no end.
  auto& own = *new cistern::basic_backend_resource<own_backend>;
  auto& second_pages = *new cistern::basic_backend_resource<impostor>;
  const std::size_t before = cistern::backends().size();
  new cistern::backend_registration(own);
  new cistern::backend_registration(second_pages);
  EXPECT_EQ(&cistern::backend("own"), &own);
  EXPECT_NE(&cistern::backend("pages"), &second_pages);
  EXPECT_EQ(cistern::backends().size(), before + 1);
}

}  // namespace
