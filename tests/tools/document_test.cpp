// SPDX-License-Identifier: MIT
#include "document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace cistern::compare;
using nlohmann::json;

comparison with_samples(std::size_t count, std::size_t peak_at) {
  comparison found;
  cell measured{
      .workload = "memory", .contender = "glibc", .threads = 1, .status = status::ok, .reason = {}, .rounds = {}};
  cistern::perf::cell_result round{};
  round.operations = 1000;
  round.seconds = 1;
  for (std::size_t i = 0; i < count; ++i)
    round.memory.push_back(
        {.seconds = static_cast<double>(i), .live_bytes = i, .rss_bytes = i == peak_at ? 900000u : i});
  measured.rounds = {round, round, round};
  found.cells.push_back(measured);
  return found;
}

json written(const comparison& found) { return json::parse(write_document(found, machine_facts{})); }

TEST(document, thins_a_long_curve_of_memory_and_keeps_its_ends_and_its_peak) {
  const json curve = written(with_samples(5000, 3333)).at("cells").at(0).at("memory");
  ASSERT_LE(curve.size(), 240u);
  ASSERT_GE(curve.size(), 200u);
  EXPECT_EQ(curve.front().at("seconds"), 0);
  EXPECT_EQ(curve.back().at("seconds"), 4999);
  std::size_t peak = 0;
  double before = -1;
  for (const json& sample : curve) {
    peak = std::max(peak, sample.at("rss_bytes").get<std::size_t>());
    EXPECT_GT(sample.at("seconds").get<double>(), before);
    before = sample.at("seconds");
  }
  EXPECT_EQ(peak, 900000u);
}

TEST(document, leaves_a_short_curve_as_it_is) {
  EXPECT_EQ(written(with_samples(240, 7)).at("cells").at(0).at("memory").size(), 240u);
  EXPECT_EQ(written(with_samples(1, 0)).at("cells").at(0).at("memory").size(), 1u);
}

TEST(document, has_the_curve_of_memory_once_and_not_with_every_round) {
  for (const json& round : written(with_samples(50, 7)).at("cells").at(0).at("rounds"))
    EXPECT_TRUE(round.at("memory").empty());
}

TEST(document, has_the_size_classes_of_the_median_round_once_and_not_with_every_round) {
  comparison found = with_samples(1, 0);
  for (std::size_t i = 0; i < 3; ++i) {
    found.cells[0].rounds[i].seconds = i == 1 ? 5 : static_cast<double>(7 * i);  // 0, 5, 14
    found.cells[0].rounds[i].classes = {{.bytes = 64, .live = i}};
  }
  const json cell = written(found).at("cells").at(0);
  EXPECT_EQ(cell.at("classes"),
            json::parse(R"([{"bytes":64,"live":1,"cached_threads":0,"cached_depot":0,"retained":0}])"));
  for (const json& round : cell.at("rounds")) EXPECT_FALSE(round.contains("classes"));
}

TEST(document, does_not_mention_the_size_classes_of_who_cannot_tell_them) {
  EXPECT_FALSE(written(with_samples(1, 0)).at("cells").at(0).contains("classes"));
}

}  // namespace
