// SPDX-License-Identifier: MIT
#include <cistern/workers/concurrency.hpp>
#include <cistern/workers/detail/cpu_quota.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

namespace {

using cistern::available_concurrency;
using cistern::detail::cpu_quota;

// A make-believe /sys/fs/cgroup.
class concurrency : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(mount_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = mount_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::optional<double> quota(const std::string& membership) const { return cpu_quota(membership, mount_.string()); }

 private:
  std::filesystem::path mount_ = std::filesystem::path(testing::TempDir()) / ("cgroup." + std::to_string(getpid()));
};

TEST_F(concurrency, is_at_least_one_and_at_most_the_processors_of_the_affinity_mask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(available_concurrency(), 1);
  EXPECT_LE(available_concurrency(), CPU_COUNT(&before));
}

TEST_F(concurrency, is_one_on_a_thread_bound_to_one_processor) {
  int answer = 0;
  std::thread([&answer] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    answer = available_concurrency();
  }).join();
  EXPECT_EQ(answer, 1);
}

TEST_F(concurrency, reads_the_quota_of_a_version_2_group) {
  write("app/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota("0::/app\n"), 1.5);
}

TEST_F(concurrency, takes_the_smallest_quota_between_the_group_and_the_root) {
  write("outer/cpu.max", "50000 100000\n");
  write("outer/inner/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota("0::/outer/inner\n"), 0.5);
}

TEST_F(concurrency, takes_max_for_no_limit) {
  write("app/cpu.max", "max 100000\n");
  EXPECT_EQ(quota("0::/app\n"), std::nullopt);
}

TEST_F(concurrency, reads_the_quota_of_a_version_1_group) {
  write("cpu,cpuacct/app/cpu.cfs_quota_us", "300000\n");
  write("cpu,cpuacct/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota("5:memory:/app\n4:cpu,cpuacct:/app\n"), 3.0);
}

TEST_F(concurrency, takes_minus_one_for_no_limit_in_version_1) {
  write("cpu/app/cpu.cfs_quota_us", "-1\n");
  write("cpu/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota("4:cpu:/app\n"), std::nullopt);
}

TEST_F(concurrency, takes_what_cannot_be_read_for_no_limit) {
  EXPECT_EQ(quota("0::/absent\n"), std::nullopt);
  EXPECT_EQ(quota("no colons here\n:\n0::relative\n"), std::nullopt);
  EXPECT_EQ(quota(""), std::nullopt);
}

}  // namespace
