// SPDX-License-Identifier: MIT
#include <cistern/allocators/statistics_resource.hpp>
#include <schedules/scheduler.hpp>

#include <algorithm>
#include <memory_resource>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

// Says of each block that it is out from before the upstream gives it until after it takes it back.
class counting_upstream final : public std::pmr::memory_resource {
 public:
  std::size_t out = 0, most = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t) override {
    out += bytes;
    most = std::max(most, out);
    return this;  // nobody writes to it
  }
  void do_deallocate(void*, std::size_t bytes, std::size_t) override { out -= bytes; }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(statistics_resource_schedules, count_exactly_and_never_more_than_is_out) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    counting_upstream upstream;
    statistics_resource counted(&upstream);
    for (std::size_t bytes = 1; bytes <= 2; ++bytes)
      s.spawn([&, bytes] {
        for (int turn = 0; turn < 2; ++turn) counted.deallocate(counted.allocate(bytes), bytes);
      });
    s.spawn([&] {
      const allocation_statistics now = counted.snapshot();
      s.require(now.deallocations <= now.allocations, "more was freed than allocated");
      s.require(now.live_bytes <= 3, "more was live than two blocks");
    });
    s.run();
    const allocation_statistics end = counted.snapshot();
    s.require(end.live_bytes == 0 && end.live_blocks == 0, "something is live still");
    s.require(end.allocations == 4 && end.deallocations == 4 && end.allocated_bytes == 6, "the sums are wrong");
    s.require(end.peak_bytes >= 2 && end.peak_bytes <= upstream.most, "the peak is wrong");
  }));
}

}  // namespace
}  // namespace cistern::schedules
