// SPDX-License-Identifier: MIT
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using cistern::asymmetric_fence;
using cistern::epoch_domain;
using cistern::contracts::detail::in_child;

constexpr int not_possible = 77;

// Pitfall 6: the mode is known to static constructors, which run before main.
const bool light_before_main = asymmetric_fence::light_is_light();

TEST(asymmetric_fence, has_its_mode_before_main) {
  EXPECT_EQ(light_before_main, asymmetric_fence::light_is_light());
  const char* const refused = std::getenv("CISTERN_NO_MEMBARRIER");
  const long offered = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  const bool possible = offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
  EXPECT_EQ(light_before_main, possible && refused == nullptr && !CISTERN_TSAN);
}

TEST(asymmetric_fence, heavy_side_works_in_either_mode) { EXPECT_TRUE(asymmetric_fence::heavy_fence()); }

// Makes membarrier fail with `error`, as a sandbox does.
bool refuse_membarrier(int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = 4, .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Pitfall 5, later: nothing advances and nothing is freed.
TEST(asymmetric_fence, that_is_refused_later_never_lets_the_epoch_advance) {
  if (!asymmetric_fence::light_is_light()) GTEST_SKIP() << "membarrier is not used in fence mode";
  for (const int error : {EPERM, ENOSYS}) {
    const int status = in_child([error] {
      epoch_domain domain(cistern::epoch_testing::by_hand());
      if (!domain.advance()) return 1;
      if (!refuse_membarrier(error)) return not_possible;
      cistern::epoch_testing::node::live = 0;
      domain.retire(new cistern::epoch_testing::node);
      for (int i = 0; i < 5; ++i) domain.collect();
      if (domain.advance() || domain.synchronize(std::chrono::milliseconds(5))) return 2;
      const auto found = domain.statistics();
      if (found.advances != 1 || found.refused_fences < 5) return 3;
      return cistern::epoch_testing::node::live == 1 ? 0 : 4;
    });
    if (status == not_possible) GTEST_SKIP() << "this system does not let a process filter its own calls";
    EXPECT_EQ(status, 0);
  }
}

int run_this_program_again(const std::string& filter) {
  const std::string chosen = "--gtest_filter=" + filter;
  execl("/proc/self/exe", "allocators_test", "--gtest_also_run_disabled_tests", chosen.c_str(), nullptr);
  return 1;
}

// Pitfall 5, at the start: fence mode.
TEST(asymmetric_fence, that_is_refused_at_the_start_becomes_real_fences) {
  const int status = in_child([] {
    if (!refuse_membarrier(EPERM)) return not_possible;
    return run_this_program_again("asymmetric_fence.DISABLED_is_in_fence_mode");
  });
  if (status == not_possible) GTEST_SKIP() << "this system does not let a process filter its own calls";
  EXPECT_EQ(status, 0);
}

TEST(asymmetric_fence, that_is_switched_off_by_the_environment_becomes_real_fences) {
  EXPECT_EQ(in_child([] {
              setenv("CISTERN_NO_MEMBARRIER", "1", 1);
              return run_this_program_again("asymmetric_fence.DISABLED_is_in_fence_mode");
            }),
            0);
}

TEST(asymmetric_fence, DISABLED_is_in_fence_mode) {  // only for the two above
  EXPECT_FALSE(asymmetric_fence::light_is_light());
  epoch_domain domain(cistern::epoch_testing::by_hand());
  {
    const cistern::epoch_guard guard(domain);
    EXPECT_TRUE(domain.advance());
    EXPECT_FALSE(domain.advance());
  }
  EXPECT_TRUE(domain.advance());
  EXPECT_FALSE(domain.statistics().light_pins);
}

}  // namespace
