// SPDX-License-Identifier: MIT
#include <cistern/allocators/tracking_resource.hpp>
#include <schedules/scheduler.hpp>

#include <cstddef>
#include <memory_resource>
#include <string>

#include <gtest/gtest.h>

namespace cistern::schedules {
namespace {

// Hands out the same few addresses again and again: the hardest case for a list of what is live.
class two_slots final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t, std::size_t) override {
    for (slot& each : slots_)
      if (!each.used) {
        each.used = true;
        return &each;
      }
    throw std::bad_alloc();
  }
  void do_deallocate(void* block, std::size_t, std::size_t) override { static_cast<slot*>(block)->used = false; }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  struct alignas(std::max_align_t) slot {
    bool used = false;
  };
  slot slots_[2];
};

TEST(tracking_resource_schedules, know_each_live_block_though_addresses_come_back) {
  EXPECT_TRUE(explore({}, [](scheduler& s) {
    two_slots upstream;
    std::string misuse;
    tracking_resource tracking(&upstream, {.on_leak = [&](const tracking_report&) { misuse += "leak"; },
                                           .on_misuse = [&](std::string_view what) { misuse += what; }});
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        for (int turn = 0; turn < 2; ++turn) {
          void* const block = tracking.allocate(8);
          const tracking_report now = tracking.report();
          s.require(now.blocks == 1 || now.blocks == 2, "the report misses a block");
          tracking.deallocate(block, 8);
        }
      });
    s.run();
    s.require(misuse.empty(), misuse);
    s.require(tracking.report().blocks == 0, "a block is listed still");
  }));
}

}  // namespace
}  // namespace cistern::schedules
