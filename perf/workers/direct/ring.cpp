// SPDX-License-Identifier: MIT
// The floor.
#include "ring_pool.hpp"
#include "worker_cases.hpp"

namespace {

struct contender : cistern::perf::ring_pool {
  static constexpr bool is_bounded = true;
  explicit contender(const cistern::perf::contender_options& options) : ring_pool(options.workers) {}
};

}  // namespace

int main(int argc, char** argv) {
  return cistern::perf::run_worker_cases(cistern::perf::worker_cases<contender>(), argc, argv);
}
