// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_object.hpp>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>

namespace {

struct entry : cistern::epoch_object<entry> {
  explicit entry(int& count) : deleted(count) {}
  ~entry() { ++deleted; }
  entry(const entry&) = delete;
  entry& operator=(const entry&) = delete;
  int& deleted;
};

TEST(epoch_object, retires_itself_in_the_default_domain) {
  int deleted = 0;
  (new entry(deleted))->retire();
  EXPECT_EQ(deleted, 0);
  cistern::epoch_domain::default_domain().barrier();
  EXPECT_EQ(deleted, 1);
}

TEST(epoch_object, retires_itself_in_a_domain_that_is_named) {
  cistern::epoch_domain domain(cistern::epoch_testing::by_hand());
  int deleted = 0;
  (new entry(deleted))->retire({}, domain);
  EXPECT_EQ(domain.statistics().pending_objects, 1u);
  domain.barrier();
  EXPECT_EQ(deleted, 1);
}

}  // namespace
