// SPDX-License-Identifier: MIT
#include <cistern/workers/concurrency.hpp>
#include <cistern/workers/detail/cpu_quota.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include <sched.h>

namespace cistern::inline v0 {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The mask may be wider than cpu_set_t on a large machine, so it grows until the kernel accepts it.
int processors_in_mask() {
  for (std::size_t sets = 1; sets <= 64; sets *= 2) {
    std::vector<cpu_set_t> mask(sets);
    if (sched_getaffinity(0, sets * sizeof(cpu_set_t), mask.data()) == 0)
      return std::max(1, CPU_COUNT_S(sets * sizeof(cpu_set_t), mask.data()));
  }
  return 1;
}

}  // namespace

int available_concurrency() {
  const int processors = processors_in_mask();
  const auto quota = detail::cpu_quota(text_of("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (!quota || *quota >= processors) return processors;
  return std::max(1, static_cast<int>(std::ceil(*quota)));
}

}  // namespace cistern::inline v0
