// SPDX-License-Identifier: MIT
#include <cistern/allocators/memory_pressure.hpp>

#include <cstdio>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace {

using cistern::memory_pressure;

// A memory.events of the test's own; the kernel's is text of the same form.
class events_file {
 public:
  explicit events_file(int high) { write(high, 0); }
  ~events_file() { std::remove(name_.c_str()); }

  void write(int high, int low) const {
    std::ofstream(name_) << "low " << low << "\nhigh " << high << "\nmax 1\noom 0\noom_kill 0\n";
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = testing::TempDir() + "memory.events." + std::to_string(getpid());
};

bool readable(int descriptor) {
  pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) == 1;
}

TEST(memory_pressure, is_content_with_no_source_at_all) {
  memory_pressure none({.stall_file = "", .events_file = ""});
  EXPECT_EQ(none.descriptor(), -1);
  EXPECT_FALSE(none.check());
  memory_pressure absent({.stall_file = "/nonexistent/memory.pressure", .events_file = "/nonexistent/memory.events"});
  EXPECT_EQ(absent.descriptor(), -1);
  EXPECT_FALSE(absent.watches_stalls() || absent.watches_events());
}

TEST(memory_pressure, tells_of_a_limit_that_was_reached) {
  const events_file events(3);
  memory_pressure pressure({.stall_file = "", .events_file = events.name()});
  ASSERT_TRUE(pressure.watches_events());
  EXPECT_FALSE(readable(pressure.descriptor()));
  events.write(4, 0);
  EXPECT_TRUE(readable(pressure.descriptor()));
  EXPECT_TRUE(pressure.check());
  EXPECT_FALSE(readable(pressure.descriptor()));
  EXPECT_FALSE(pressure.check()) << "once for one event";
}

TEST(memory_pressure, passes_over_changes_of_other_counters) {
  const events_file events(3);
  memory_pressure pressure({.stall_file = "", .events_file = events.name()});
  events.write(3, 7);
  EXPECT_TRUE(readable(pressure.descriptor()));
  while (readable(pressure.descriptor())) EXPECT_FALSE(pressure.check());
}

TEST(memory_pressure, watches_the_systems_stalls_where_it_has_them) {
  memory_pressure pressure({.events_file = ""});
  if (!pressure.watches_stalls()) GTEST_SKIP() << "no PSI here, or not for this user";
  EXPECT_GE(pressure.descriptor(), 0);
  EXPECT_FALSE(pressure.check());
}

}  // namespace
