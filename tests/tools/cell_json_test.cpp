// SPDX-License-Identifier: MIT
#include "cell_json.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace cistern::compare;
using cistern::perf::cell_result;
using testing::IsEmpty;

cell_result of_a_pool() {
  cell_result result{};
  result.operations = 7;
  result.seconds = 0.5;
  result.memory = {{.seconds = 0.25, .live_bytes = 10, .rss_bytes = 20}};
  result.classes = {{.bytes = 16, .live = 1, .cached_threads = 2, .cached_depot = 3, .retained = 4},
                    {.bytes = 1280, .live = 5, .cached_threads = 6, .cached_depot = 7, .retained = 8}};
  return result;
}

TEST(cell_json, is_the_same_after_both_ways) {
  const nlohmann::ordered_json there = cell_to_json(of_a_pool());
  const cell_result back = cell_from_json(there.dump());
  EXPECT_EQ(cell_to_json(back), there);
  ASSERT_EQ(back.classes.size(), 2u);
  EXPECT_EQ(back.classes[1].bytes, 1280u);
  EXPECT_EQ(back.classes[1].live, 5u);
  EXPECT_EQ(back.classes[1].cached_threads, 6u);
  EXPECT_EQ(back.classes[1].cached_depot, 7u);
  EXPECT_EQ(back.classes[1].retained, 8u);
}

TEST(cell_json, leaves_out_classes_that_there_are_none_of_and_reads_a_cell_without) {
  cell_result result = of_a_pool();
  result.classes.clear();
  const nlohmann::ordered_json there = cell_to_json(result);
  EXPECT_FALSE(there.contains("classes"));
  EXPECT_THAT(cell_from_json(there.dump()).classes, IsEmpty());
}

TEST(cell_json, refuses_a_class_without_its_figures) {
  nlohmann::ordered_json there = cell_to_json(of_a_pool());
  there["classes"][0].erase("retained");
  EXPECT_THROW(cell_from_json(there.dump()), std::runtime_error);
}

}  // namespace
