// SPDX-License-Identifier: MIT
#include <cistern/pools/typed_free_list.hpp>

#include <string>

#include <gtest/gtest.h>

namespace {

struct request {
  std::string method;
  unsigned sequence = 0;
};

TEST(typed_free_list, hands_every_record_out_as_new) {
  cistern::typed_free_list<request> requests({.clock = nullptr});
  request* first = nullptr;
  {
    auto one = requests.get();
    first = one.get();
    *one = {"Arith.Multiply", 7};
  }
  auto again = requests.get();
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(again->method, "");
  EXPECT_EQ(again->sequence, 0u);
}

}  // namespace
